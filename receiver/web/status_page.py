"""The public status page, as HTML and in Statuspage's form. It is asked by anybody, so it asks the store nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from receiver.config import Config
from receiver.model.delivery.public_incident import PublicIncident, PublicPage
from receiver.pipeline.status.public_view import PublicView
from receiver.web.app_keys import AppParts
from receiver.web.html_pages import HtmlPages
from receiver.web.http.compression import SAME
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.json.statuspage_json import page_shape
from receiver.web.status_feed import atom

FRESH = "public, max-age=15"
_MOMENT = re.compile(rb"As of <time>[^<]*</time>")
LAST = 50
"""Incidents that history, feed and list show (statuspage.md, section 2)."""
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
    "incidents": _with_page("incidents", lambda shape: shape["all"][:LAST]),
    "incidents/unresolved": _with_page("incidents", lambda shape: shape["incidents"]),
    "scheduled-maintenances": _with_page("scheduled_maintenances", _windows("in_progress", "scheduled")),
    "scheduled-maintenances/active": _with_page("scheduled_maintenances", _windows("in_progress")),
    "scheduled-maintenances/upcoming": _with_page("scheduled_maintenances", _windows("scheduled")),
}
"""What `/status/api/v2/NAME.json` answers, by name."""
EVERYWHERE = {"Access-Control-Allow-Origin": "*"}


@dataclass
class Moment:
    """What is shown in one second: made once, however many strangers ask."""

    made_of: tuple[object, ...]
    """Configuration, setting, state of the index of public incidents and second that it was made of."""
    page: PublicPage
    past: tuple[PublicIncident, ...]
    """What is over, the newest first."""
    answers: dict[str, tuple[bytes, CIMultiDict[str]]] = field(default_factory=dict)
    """Body and headers, by what was asked for."""

    @cached_property
    def shape(self) -> dict[str, Any]:
        """What its answers in JSON are made of."""
        return page_shape(self.page, self.past)

    def list_all(self) -> list[PublicIncident]:
        """Return the last 50 incidents, the open ones first."""
        return [*self.page.incidents, *self.past][:LAST]


class StatusPage:
    """`/status` and its JSON. What it shows is a PublicPage and nothing else."""

    def __init__(self, doors: AppParts, pages: HtmlPages) -> None:
        """The components are read once for each configuration."""
        self.doors = doors
        self.pages = pages
        self._read: Config | None = None
        self._publicity: PublicView | None = None
        self._moment: Moment | None = None

    async def page(self, request: web.Request) -> web.Response:
        """`/status`, for people."""
        return self._answer(request, "page", lambda moment: self._html("status.html", page=moment.page))

    async def history(self, request: web.Request) -> web.Response:
        """`/status/history`: what is over."""
        return self._answer(
            request, "history", lambda moment: self._html("status_history.html", page=moment.page, past=moment.past)
        )

    async def incident(self, request: web.Request) -> web.Response:
        """`/status/incidents/{id}`: one of those that are listed, for people."""
        number = request.match_info["id"]
        one = next((one for one in self._now().list_all() if one.id == number), None)
        if one is None:
            raise Refusal(404, "unknown", "there is nothing here")
        return self._answer(
            request, f"incident {number}",
            lambda moment: self._html("status_incident.html", page=moment.page, incident=one),
        )  # fmt: skip

    def json(self, name: str) -> Handler:
        """Return the door of `/status/api/v2/NAME.json`, as Statuspage writes it: see ANSWERS."""

        async def door(request: web.Request) -> web.Response:
            return self._answer(request, name, lambda moment: _open(answer(ANSWERS[name](moment.shape))))

        return door

    async def feed(self, request: web.Request) -> web.Response:
        """`/status/feed.atom`: an entry an incident, changed with each update."""
        return self._answer(request, "feed", lambda moment: _open(self._feed(moment)))

    def _feed(self, moment: Moment) -> web.Response:
        text = atom(moment.page, moment.list_all(), self.pages.root())
        return web.Response(body=text.encode("utf-8", "replace"), content_type="application/atom+xml")

    def _html(self, name: str, **values: object) -> web.Response:
        return self.pages.render(name, **values, support=self.doors.config.service.support_email)

    def _answer(self, request: web.Request, name: str, make: Callable[[Moment], web.Response]) -> web.Response:
        moment = self._now()
        if name not in moment.answers:
            moment.answers[name] = _kept(make(moment))
        body, headers = moment.answers[name]
        # Whoever has it already is told so.
        known = request.headers.get("If-None-Match", "")
        if headers["ETag"] in known or known.strip() == "*":
            return web.Response(status=304, headers={k: v for k, v in headers.items() if k != "Content-Type"})
        response = web.Response(body=body, headers=headers)
        response[SAME] = True
        return response

    def _now(self) -> Moment:
        doors, now = self.doors, self.doors.clock.now()
        config, setting = doors.config, doors.setting()
        public = doors.incident_cache.public
        made_of = (config, setting, public.turns, int(now.timestamp()))
        if self._moment is None or not _same(self._moment.made_of, made_of):
            if self._publicity is None or self._read is not config:
                self._read, self._publicity = config, PublicView(config)
            page = self._publicity.page(public.open(), now, setting.maintenance)
            self._moment = Moment(made_of, page, self._publicity.past(public.over(), LAST))
        return self._moment


def _same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    # Configuration and setting are large, and replaced whole: which they are counts, not what is in them.
    return one[0] is other[0] and one[1] is other[1] and one[2:] == other[2:]


def _kept(response: web.Response) -> tuple[bytes, CIMultiDict[str]]:
    # The time of asking is no change: without it the tag would be another one every second.
    body = response.body if isinstance(response.body, bytes) else b""
    tag = f'"{hashlib.sha256(_MOMENT.sub(b"", body)).hexdigest()[:24]}"'
    headers = CIMultiDict(response.headers)
    headers.update({"ETag": tag, "Cache-Control": FRESH})
    return body, headers


def _open(response: web.Response) -> web.Response:
    response.headers.update(EVERYWHERE)
    return response
