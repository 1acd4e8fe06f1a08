"""The public status page, as HTML and in Statuspage's format. Anyone may request it, so it never queries the store."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from receiver.model.delivery.public_incident import Impact, PublicComponent
from receiver.model.json_bytes import fitted
from receiver.pipeline.status.component_history import on_day
from receiver.pipeline.status.translations import Words, chosen
from receiver.web.app_keys import AppParts
from receiver.web.html_pages import HtmlPages
from receiver.web.http.compression import SAME
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.http.shared_answers import MOMENT, SharedAnswers
from receiver.web.status.badge import badge
from receiver.web.status.day_bars import strip
from receiver.web.status.feeds import atom, rss
from receiver.web.status.page_theme import PublicTemplates, readable_on
from receiver.web.status.status_page_snapshot import ANSWERS_KEPT, SnapshotBuilder, StatusPageSnapshot

FRESH, BADGE_FRESH, LOGO_FRESH = "public, max-age=15", "public, max-age=60", "public, max-age=3600"
_MOMENT = re.compile(rb'<time class="asof">[^<]*</time>')
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
Handler = Callable[[web.Request], Awaitable[web.Response]]
Shape = dict[str, Any]


def _with_page(name: str, items: Callable[[Shape], Any]) -> Callable[[Shape], Shape]:
    return lambda shape: {"page": shape["page"], name: items(shape)}


def _windows(*states: str) -> Callable[[Shape], Any]:
    return lambda shape: [one for one in shape["scheduled_maintenances"] if one["status"] in states]


ANSWERS: dict[str, Callable[[Shape], Shape]] = {
    "summary": lambda shape: {name: value for name, value in shape.items() if name != "all"},
    "status": _with_page("status", lambda shape: shape["status"]),
    "components": _with_page("components", lambda shape: shape["components"]),
    "incidents": _with_page("incidents", lambda shape: shape["all"][:50]),
    "incidents/unresolved": _with_page("incidents", lambda shape: shape["incidents"]),
    "scheduled-maintenances": _with_page("scheduled_maintenances", _windows("in_progress", "scheduled")),
    "scheduled-maintenances/active": _with_page("scheduled_maintenances", _windows("in_progress")),
    "scheduled-maintenances/upcoming": _with_page("scheduled_maintenances", _windows("scheduled")),
}
"""The contents of `/status/api/v2/NAME.json`, by name."""
EVERYWHERE = {"Access-Control-Allow-Origin": "*"}


class StatusPage:
    """`/status` and its JSON. It shows a PublicPage and nothing else."""

    def __init__(self, parts: AppParts, pages: HtmlPages) -> None:
        """Create it; the components are read once for each configuration."""
        self.parts = parts
        self.pages = pages
        self.templates = PublicTemplates(pages)
        self._builder = SnapshotBuilder()
        self.shared = SharedAnswers(self._now)

    async def page(self, request: web.Request) -> web.Response:
        """`/status`, for people."""
        return self._html(request, "page", "status.html", lambda snapshot, words: {
            "histories": self._strips(snapshot, words), "away": snapshot.away, "unknown": snapshot.unknown,
            "subscribe": self.parts.subscriptions.on,
        })  # fmt: skip

    async def history(self, request: web.Request) -> web.Response:
        """`/status/history?month=2026-11`: past incidents that began in a month; without a month, this one."""
        snapshot = self._now()
        this, first = f"{snapshot.page.updated_at:%Y-%m}", f"{min(snapshot.since, *_begun(snapshot)):%Y-%m}"
        month = request.query.get("month", this)
        if not _MONTH.fullmatch(month) or not first <= month <= this:
            raise Refusal(404, "unknown", "page not found")
        past = [one for one in snapshot.past if f"{one.opened_at.astimezone(UTC):%Y-%m}" == month]
        return self._html(request, f"history {month}", "status_history.html", lambda snapshot, words: {
            "month": month, "past": past, "earlier": _month(month, -1) if month > first else None,
            "later": _month(month, 1) if month < this else None,
        })  # fmt: skip

    async def incident(self, request: web.Request) -> web.Response:
        """`/status/incidents/{id}`: one incident, for people."""
        number = request.match_info["id"]
        one = next((one for one in self._now().all if one.id == number), None)
        if one is None:
            raise Refusal(404, "unknown", "page not found")
        return self._html(
            request, f"incident {number}", "status_incident.html", lambda snapshot, words: {"incident": one}
        )

    async def component(self, request: web.Request) -> web.Response:
        """`/status/components/{id}`: one component and its last 90 days; `?day=2026-11-23`: one of them."""
        one, snapshot = self._component(request), self._now()
        history = snapshot.histories[one.id]
        day = _day(request.query.get("day"), [day.day for day in history.days])
        now = snapshot.page.updated_at
        mine = [each for each in snapshot.all if one.id in each.components]
        begins = datetime.combine(history.days[0].day, datetime.min.time(), UTC)
        shown = on_day(day, mine, now) if day else [each for each in mine if (each.resolved_at or now) > begins]
        return self._html(request, f"component {one.id} {day}", "status_component.html", lambda snapshot, words: {
            "component": one, "histories": {one.id: strip(one, history, words, self.pages.root())}, "day": day,
            "incidents": shown[:50], "bad_days": [each for each in reversed(history.days) if each.minutes],
        })  # fmt: skip

    def json(self, name: str) -> Handler:
        """Return the handler of `/status/api/v2/NAME.json`, in Statuspage's format: see ANSWERS."""

        async def endpoint(request: web.Request) -> web.Response:
            return self._answer(request, name, lambda snapshot: _open(answer(ANSWERS[name](snapshot.shape))))

        return endpoint

    async def atom(self, request: web.Request) -> web.Response:
        """`/status/feed.atom`: an entry for each incident, which changes with each update."""
        return self._feed(request, "application/atom+xml", atom)

    async def rss(self, request: web.Request) -> web.Response:
        """`/status/feed.rss`: the same as RSS."""
        return self._feed(request, "application/rss+xml", rss)

    async def badge(self, request: web.Request) -> web.Response:
        """`/status/badge.svg`: the name of the page and the overall status."""
        words, colors = self._words(request), self.parts.config.status_page.colors.model_dump()
        color = {
            Impact.NONE: colors["operational"], Impact.MINOR: colors["degraded_performance"],
            Impact.MAJOR: colors["partial_outage"], Impact.CRITICAL: colors["major_outage"],
            Impact.MAINTENANCE: colors["under_maintenance"],
        }  # fmt: skip
        return self._answer(request, f"badge {words.language}", lambda snapshot: _svg(
            snapshot.page.title, words("unknown_days") if snapshot.unknown else words.summary(snapshot.page.impact),
            color[snapshot.page.impact],
        ), BADGE_FRESH)  # fmt: skip

    async def component_badge(self, request: web.Request) -> web.Response:
        """`/status/components/{id}/badge.svg`: the name and the status of a component."""
        one, words = self._component(request), self._words(request)
        color = getattr(self.parts.config.status_page.colors, one.condition)
        name = f"badge {one.id} {words.language}"
        return self._answer(request, name, lambda snapshot: _svg(one.name, words(one.condition), color), BADGE_FRESH)

    async def logo(self, request: web.Request) -> web.Response:
        """`/status/logo`: the configured logo."""
        found = self.templates.theme(self.parts.config).logo
        if found is None:
            raise Refusal(404, "unknown", "page not found")
        return web.Response(body=found[0], content_type=found[1], headers={"Cache-Control": LOGO_FRESH})

    def _feed(self, request: web.Request, kind: str, make: Callable[..., str]) -> web.Response:
        def made(snapshot: StatusPageSnapshot) -> web.Response:
            text = make(snapshot.page, snapshot.listed(), self.pages.root())
            return _open(web.Response(body=text.encode("utf-8", "replace"), content_type=kind))

        return self._answer(request, kind, made)

    def _html(
        self,
        request: web.Request,
        name: str,
        template: str,
        values: Callable[[StatusPageSnapshot, Words], dict[str, Any]],
    ) -> web.Response:
        words = self._words(request)

        def made(snapshot: StatusPageSnapshot) -> web.Response:
            def titles(one: Any) -> str:
                return words.title(one, snapshot.names, self.parts.config.service.product)

            shared: dict[str, Any] = {"page": snapshot.page, "names": snapshot.names, "titles": titles}
            response = self.templates.render(template, self.parts.config, words, **shared, **values(snapshot, words))
            response.headers["Vary"] = "Accept-Language"
            return response

        return self._answer(request, f"{name} {words.language}", made)

    def _answer(
        self, request: web.Request, name: str, make: Callable[[StatusPageSnapshot], web.Response], fresh: str = FRESH
    ) -> web.Response:
        snapshot = self._now()
        if name not in snapshot.answers:
            if len(snapshot.answers) >= ANSWERS_KEPT:
                snapshot.answers.clear()
            snapshot.answers[name] = _kept(make(snapshot), fresh)
        body, headers = snapshot.answers[name]
        # A client that already has it gets a 304.
        known = request.headers.get("If-None-Match", "")
        if headers["ETag"] in known or known.strip() == "*":
            return web.Response(status=304, headers={k: v for k, v in headers.items() if k != "Content-Type"})
        response = web.Response(body=body, headers=headers)
        response[SAME] = True
        response[MOMENT] = snapshot
        return response

    def _now(self) -> StatusPageSnapshot:
        parts = self.parts
        cache = parts.incident_cache
        return self._builder.now(
            parts.config, parts.setting(), cache.public, parts.clock.now(), away=parts.monitor.away,
            known=cache.complete,
        )  # fmt: skip

    def _strips(self, snapshot: StatusPageSnapshot, words: Words) -> dict[str, Any]:
        root = self.pages.root()
        return {one.id: strip(one, snapshot.histories[one.id], words, root) for one in snapshot.page.components}

    def _component(self, request: web.Request) -> PublicComponent:
        number = request.match_info["id"]
        one = next((one for one in self._now().page.components if one.id == number), None)
        if one is None:
            raise Refusal(404, "unknown", "page not found")
        return one

    def _words(self, request: web.Request) -> Words:
        offered = self.templates.theme(self.parts.config).languages
        return Words(chosen(request.query.get("lang"), request.headers.get("Accept-Language", ""), offered))


def _begun(snapshot: StatusPageSnapshot) -> list[datetime]:
    return [one.opened_at for one in snapshot.all] or [snapshot.since]


def _month(month: str, step: int) -> str:
    number = int(month[:4]) * 12 + int(month[5:]) - 1 + step
    return f"{number // 12:04}-{number % 12 + 1:02}"


def _day(text: str | None, days: list[date]) -> date | None:
    if text is None:
        return None
    found = next((day for day in days if day.isoformat() == text), None)
    if found is None:
        raise Refusal(404, "unknown", "page not found")
    return found


def _svg(name: str, word: str, color: str) -> web.Response:
    text = badge(name, word, color, readable_on(color))
    return _open(web.Response(body=text.encode("utf-8", "replace"), content_type="image/svg+xml"))


def _kept(response: web.Response, fresh: str) -> tuple[bytes, CIMultiDict[str]]:
    # The time of the request is not a change; if it were included, the tag would change every second.
    body = fitted(response.body) if isinstance(response.body, bytes) else b""
    tag = f'"{hashlib.sha256(_MOMENT.sub(b"", body)).hexdigest()[:24]}"'
    headers = CIMultiDict(response.headers)
    headers.update({"ETag": tag, "Cache-Control": fresh})
    return body, headers


def _open(response: web.Response) -> web.Response:
    response.headers.update(EVERYWHERE)
    return response
