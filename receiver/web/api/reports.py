"""The API, version 1: the figures against their targets, and the monthly review, as JSON, Markdown or HTML."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from markupsafe import Markup

from receiver.config.settings.service_settings import Scope
from receiver.review.monthly_report import figures_text, review_text
from receiver.review.review_targets import Month
from receiver.web.api.incident_reviews import JSON, TextAnswers, wanted
from receiver.web.api.operations import Operation, Parameter
from receiver.web.app_keys import AppParts
from receiver.web.auth.sign_in import SignedInPerson
from receiver.web.auth.tokens import TokenCheck
from receiver.web.html_pages import HtmlPages
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.http.query_parameters import no_query, read_once

FIGURES = (
    "month", "until", "total", "part_of_storms", "by_severity", "mttd", "mtta", "mttr", "error_budget", "targets",
)  # fmt: skip
MONTH = Parameter(
    "month",
    "Which, as 2026-11; left out: this one.",
    {"type": "string", "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])$"},
)


class ReportApi:
    """The doors at `/api/v1/reports`, and the console's page of a month."""

    def __init__(self, doors: AppParts, gate: TokenCheck, pages: HtmlPages | None = None) -> None:
        """Take what reads months back."""
        self.doors = doors
        self.gate = gate
        self.pages = pages
        self.texts = TextAnswers()

    async def monthly(self, request: web.Request) -> web.Response:
        """`GET /api/v1/reports/monthly`: the review of a month."""
        month, said = await self._said(request)
        kind = wanted(request)
        if kind == JSON:
            return answer(said)
        return await self.texts.answer(review_text(said, month.title), kind, f"Incident Review: {month.title}")

    async def metrics(self, request: web.Request) -> web.Response:
        """`GET /api/v1/reports/metrics`: the figures of the process against their targets."""
        month, said = await self._said(request)
        kind = wanted(request)
        if kind == JSON:
            return answer({name: said[name] for name in FIGURES})
        return await self.texts.answer(figures_text(said, month.title), kind, f"Incident Metrics: {month.title}")

    async def page(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        """`/reports/{month}`: the review of a month, for people."""
        no_query(request)
        month = self._month(request.match_info["month"])
        said = await self.doors.reports.monthly(month, self.doors.clock.now())
        assert self.pages is not None  # noqa: S101  (the route is built with them)
        # Made of escaped text by a renderer that lets no HTML through.
        body = Markup(await self.texts.pages.fragment(review_text(said, month.title)))  # noqa: S704
        title = self.doors.config.service.name
        return self.pages.render("report.html", visitor=visitor, title=title, month=month.title, body=body)

    async def _said(self, request: web.Request) -> tuple[Month, dict[str, Any]]:
        self.gate.admit(request, Scope.READ)
        month = self._month(read_once(request, "month").get("month"))
        return month, await self.doors.reports.monthly(month, self.doors.clock.now())

    def _month(self, name: str | None) -> Month:
        try:
            return self.doors.reports.month(name, self.doors.clock.now())
        except ValueError as error:
            problem = {"path": "month", "message": str(error)}
            raise Refusal(400, "bad_query", f"month: {error}", errors=[problem]) from None
        except LookupError as error:
            # Well written, and there is nothing of that name yet.
            raise Refusal(404, "unknown", f"month: {error.args[0]}") from None


def report_operations(api: ReportApi) -> list[Operation]:
    """Return what can be asked about months."""
    return [
        Operation(
            "GET", "/api/v1/reports/monthly", Scope.READ, "The review of a month.", api.monthly, "Monthly",
            query=(MONTH,), refuses=(404,),
        ),
        Operation(
            "GET", "/api/v1/reports/metrics", Scope.READ, "The figures of a month against their targets.",
            api.metrics, "Figures", query=(MONTH,), refuses=(404,),
        ),
    ]  # fmt: skip
