"""The API, version 1: figures compared with their targets, and the monthly review, as JSON, Markdown or HTML."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.pipeline.review.reports import HISTORY
from receiver.review.charts.report_charts import load_svg, months_svg
from receiver.review.monthly_report import figures_text, review_text
from receiver.review.review_settings import Month
from receiver.web.api.incident_reviews import JSON, TextAnswers, wanted
from receiver.web.api.operations import Operation, Parameter
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import TokenCheck
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.http.query_parameters import read_once

FIGURES = (
    "month", "until", "total", "part_of_storms", "by_severity", "mttd", "mtta", "mttr", "error_budget", "targets",
)  # fmt: skip
MONTH = Parameter(
    "month",
    "A month, such as 2026-11; default: this one.",
    {"type": "string", "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])$"},
)
TEAM = Parameter("team", "Only the incidents of this team; empty: those of the top level.", {"type": "string"})


class ReportApi:
    """The endpoints at `/api/v1/reports`."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the reader of past months."""
        self.parts = parts
        self.gate = gate
        self.texts = TextAnswers()

    async def monthly(self, request: web.Request) -> web.Response:
        """`GET /api/v1/reports/monthly`: the review of a month."""
        month, said = await self._said(request, HISTORY)
        kind = wanted(request)
        if kind == JSON:
            return answer(said)
        people = self.parts.overrides.schedules.people
        pictures = {"Six Months": months_svg(said["history"]), "Pages": load_svg(said["pages"]["people"], people)}
        text, title = review_text(said, month.title), f"Incident Review: {month.title}"
        return await self.texts.answer(text, kind, title, pictures)

    async def metrics(self, request: web.Request) -> web.Response:
        """`GET /api/v1/reports/metrics`: the figures of the process, compared with their targets."""
        month, said = await self._said(request)
        kind = wanted(request)
        if kind == JSON:
            return answer({name: said[name] for name in FIGURES})
        return await self.texts.answer(figures_text(said, month.title), kind, f"Incident Metrics: {month.title}")

    async def _said(self, request: web.Request, history: int = 0) -> tuple[Month, dict[str, Any]]:
        caller = self.gate.admit(request, Scope.READ)
        given = read_once(request, "month", "team")
        month, now = self._month(given.get("month")), self.parts.clock.now()
        return month, await self.parts.reports.monthly(month, now, caller.teams, given.get("team"), history)

    def _month(self, name: str | None) -> Month:
        try:
            return self.parts.reports.month(name, self.parts.clock.now())
        except ValueError as error:
            problem = {"path": "month", "message": str(error)}
            raise Refusal(400, "bad_query", f"month: {error}", errors=[problem]) from None
        except LookupError as error:
            # The format is valid, but there is no such month yet.
            raise Refusal(404, "unknown", f"month: {error.args[0]}") from None


def report_operations(api: ReportApi) -> list[Operation]:
    """Return the operations for months."""
    return [
        Operation(
            "GET", "/api/v1/reports/monthly", Scope.READ, "A month's review.", api.monthly, "Monthly",
            query=(MONTH, TEAM), refuses=(404,),
        ),
        Operation(
            "GET", "/api/v1/reports/metrics", Scope.READ, "A month's figures, compared with their targets.",
            api.metrics, "Figures", query=(MONTH, TEAM), refuses=(404,),
        ),
    ]  # fmt: skip
