"""The console's report pages: figures and targets, noise, and action items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from aiohttp import web
from markupsafe import Markup

from receiver.model.incident.postmortem import ReviewStatus
from receiver.pipeline.review.reports import HISTORY
from receiver.review.charts.report_charts import load_svg, months_svg, weeks_svg
from receiver.review.monthly_report import NAMES, review_text
from receiver.review.review_settings import Month
from receiver.store.client.connection import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.console.frame import ConsoleFrame
from receiver.web.http.error_responses import Refusal
from receiver.web.markdown_cache import MarkdownPages

MONTHS = 12
"""Number of months to choose from, this one first."""
FRESH, PAST_FRESH = 30.0, 600.0
"""Seconds for which the figures of this month, and of a past month, are cached."""
SPARK = 6
"""Number of months in a sparkline, this one last."""
KEPT = 24
"""Maximum number of months whose figures are cached."""
PERCENT = ("postmortem_completion", "action_item_completion", "acknowledged_in_time")
LASTS = ("mttd", "mttr")
OF_QUARTER = "sev1_per_quarter"


class Figure(NamedTuple):
    """One figure with its target."""

    name: str
    value: Any
    target: str
    met: bool | None
    kind: str
    """How it is written: `seconds`, `percent` or `count`."""
    query: Mapping[str, str]
    """The parameters of the list of the incidents that it is about."""


class Spark(NamedTuple):
    """The chart of a figure over the last months."""

    points: str
    """The points of an SVG polyline in a box of 100 by 24."""
    label: str
    """The same as text."""


class ReportPages:
    """`/reports` and `/reports/{month}`."""

    def __init__(self, parts: AppParts, frame: ConsoleFrame, markdown: MarkdownPages) -> None:
        """Create it with the reader of past months and the renderer."""
        self.parts = parts
        self.frame = frame
        self.markdown = markdown
        self._kept: dict[tuple[str, frozenset[str], int], tuple[float, dict[str, Any]]] = {}

    async def overview(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        """`/reports`: the available months, this one first."""
        month = self._month(None)
        months: list[Month] = []
        while len(months) < MONTHS:
            months.append(month)
            month = self._month(f"{(month.begins - timedelta(days=1)):%Y-%m}")
        due = [
            one for one in self.parts.incident_cache.over()[:200]
            if one.state == "resolved" and one.severity in ("SEV-1", "SEV-2") and not one.merged
            and visitor.caller.sees(one)
        ][:20]  # fmt: skip
        said, away = await self._said(months[0], visitor.caller.teams), False
        row = [await self._said(one, visitor.caller.teams, history=0) for one in months[:SPARK]] if said else []
        return await self.frame.show(
            "reports", request, visitor, months=months, due=due, away=away or said is None, final=ReviewStatus.FINAL,
            figures=_figures(said["targets"], months[0].name) if said else [], current=months[0], sparks=_sparks(row),
        )  # fmt: skip

    async def month(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        """`/reports/{month}`: the review of a month. Raises Refusal (400 or 404)."""
        month = self._month(request.match_info["month"])
        said = await self._said(month, visitor.caller.teams)
        if said is None:
            raise Refusal(503, "away", "the incident store is unavailable; reports need it, try again later")
        if request.query.get("format") == "csv":
            return _csv(said)
        body = Markup(await self.markdown.fragment(review_text(said, month.title)))  # noqa: S704
        earlier = self._month(f"{(month.begins - timedelta(days=1)):%Y-%m}")
        return await self.frame.show(
            "month", request, visitor, month=month, earlier=earlier, review=said, body=body,
            figures=_figures(said["targets"], month.name),
            months=Markup(months_svg(said["history"])),  # noqa: S704  (a chart of this package)
            weeks=Markup(weeks_svg(said["weeks"])),  # noqa: S704
            load=Markup(load_svg(said["pages"]["people"], self.frame.people)),  # noqa: S704
        )  # fmt: skip

    async def _said(self, month: Month, teams: frozenset[str], history: int = HISTORY) -> dict[str, Any] | None:
        clock = self.parts.clock.monotonic()
        at, said = self._kept.get((month.name, teams, history), (float("-inf"), {}))
        if clock - at > (FRESH if month.name == self._month(None).name else PAST_FRESH):
            try:
                said = await self.parts.reports.monthly(month, self.parts.clock.now(), teams, history=history)
            except StoreAway:
                return said or None
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[month.name, teams, history] = (clock, said)
        return said

    def _month(self, name: str | None) -> Month:
        try:
            return self.parts.reports.month(name, self.parts.clock.now())
        except ValueError as error:
            raise Refusal(400, "bad_query", f"month: {error}") from None
        except LookupError as error:
            raise Refusal(404, "unknown", f"month: {error.args[0]}") from None


def _figures(targets: Sequence[Mapping[str, Any]], month: str) -> list[Figure]:
    found = []
    for one in targets:
        kind = "seconds" if one["metric"] in LASTS else "percent" if one["metric"] in PERCENT else "count"
        query = {"quarter": month, "severity": "SEV-1"} if one["metric"] == OF_QUARTER else {"month": month}
        found.append(Figure(NAMES[one["metric"]], one["actual"], one["target"], one["met"], kind, query))
    return found


def _sparks(months: Sequence[Mapping[str, Any] | None]) -> dict[str, Spark]:
    # By the name of the figure; months without a value are left out, and a single value is not drawn.
    values: dict[str, list[tuple[int, float]]] = {}
    for place, said in enumerate(reversed(months)):
        for one in (said or {}).get("targets", ()):
            if one["actual"] is not None:
                values.setdefault(NAMES[one["metric"]], []).append((place, float(one["actual"])))
    return {name: _spark(row, len(months)) for name, row in values.items() if len(row) > 1}


def _spark(row: Sequence[tuple[int, float]], months: int) -> Spark:
    least, most = min(value for _, value in row), max(value for _, value in row)
    high = (most - least) or 1.0
    points = [f"{100 * place / (months - 1):.0f},{22 - 20 * (value - least) / high:.1f}" for place, value in row]
    return Spark(" ".join(points), ", ".join(f"{value:.4g}" for _, value in row))


def _csv(said: Mapping[str, Any]) -> web.Response:
    lines = ["metric,target,actual,met"]
    for one in said["targets"]:
        cells = (one["metric"], one["target"], one["actual"], one["met"])
        lines.append(",".join("" if cell is None else str(cell).replace(",", ";") for cell in cells))
    lines += [f"{severity},,{count}," for severity, count in said["by_severity"].items()]
    headers = {"Content-Disposition": f'attachment; filename="incidents-{said["month"]}.csv"'}
    return web.Response(text="\n".join(lines) + "\n", content_type="text/csv", charset="utf-8", headers=headers)
