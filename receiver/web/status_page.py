"""The public status page, as HTML and in Statuspage's form. It is asked by anybody, so it asks the store nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from receiver.config import Config
from receiver.model.base import rfc3339
from receiver.model.public import PublicComponent, PublicIncident, PublicMaintenance, PublicPage, PublicUpdate
from receiver.pipeline.publicity import Publicity
from receiver.web.errors import answer
from receiver.web.keys import Doors
from receiver.web.pages import Pages

FRESH = "public, max-age=15"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
"""When a feed without entries was updated: never."""
_MOMENT = re.compile(rb'"updated_at":"[^"]*"|As of <time>[^<]*</time>')
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
LAST = 50
"""Incidents that history, feed and list show (statuspage.md, section 2)."""
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

    def list_all(self) -> list[PublicIncident]:
        """Return the last 50 incidents, the open ones first."""
        return [*self.page.incidents, *self.past][:LAST]


class StatusPage:
    """`/status` and its JSON. What it shows is a PublicPage and nothing else."""

    def __init__(self, doors: Doors, pages: Pages) -> None:
        """The components are read once for each configuration."""
        self.doors = doors
        self.pages = pages
        self._read: Config | None = None
        self._publicity: Publicity | None = None
        self._moment: Moment | None = None

    async def page(self, request: web.Request) -> web.Response:
        """`/status`, for people."""
        return self._answer(request, "page", lambda moment: self._html("status.html", page=moment.page))

    async def history(self, request: web.Request) -> web.Response:
        """`/status/history`: what is over."""
        return self._answer(
            request, "history", lambda moment: self._html("status_history.html", page=moment.page, past=moment.past)
        )

    async def summary(self, request: web.Request) -> web.Response:
        """`/status/api/v2/summary.json`, as Statuspage writes it."""
        return self._answer(request, "summary", lambda moment: _open(answer(summary_shape(moment.page))))

    async def incidents(self, request: web.Request) -> web.Response:
        """`/status/api/v2/incidents.json`: the last 50, the open ones first."""
        return self._answer(request, "incidents", lambda moment: _open(answer(incidents_shape(moment))))

    async def components(self, request: web.Request) -> web.Response:
        """`/status/api/v2/components.json`."""
        return self._answer(request, "components", lambda moment: _open(answer(_part(moment.page, "components"))))

    async def brief(self, request: web.Request) -> web.Response:
        """`/status/api/v2/status.json`."""
        return self._answer(request, "status", lambda moment: _open(answer(_part(moment.page, "status"))))

    async def feed(self, request: web.Request) -> web.Response:
        """`/status/feed.atom`: an entry an incident, changed with each update."""
        return self._answer(request, "feed", lambda moment: _open(_feed(moment)))

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
        return web.Response(body=body, headers=headers)

    def _now(self) -> Moment:
        doors, now = self.doors, self.doors.clock.now()
        config, setting = doors.config, doors.setting()
        public = doors.mirror.public
        made_of = (config, setting, public.turns, int(now.timestamp()))
        if self._moment is None or not _same(self._moment.made_of, made_of):
            if self._publicity is None or self._read is not config:
                self._read, self._publicity = config, Publicity(config)
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


def _feed(moment: Moment) -> web.Response:
    text = atom(moment.page, moment.list_all())
    return web.Response(body=text.encode("utf-8", "replace"), content_type="application/atom+xml")


def _part(page: PublicPage, name: str) -> dict[str, Any]:
    head = summary_shape(page)
    return {"page": head["page"], name: head[name]}


def incidents_shape(moment: Moment) -> dict[str, Any]:
    """Return the list in the form of Statuspage's `incidents.json`."""
    head = summary_shape(moment.page)
    components = {component["id"]: component for component in head["components"]}
    items = [_incident(one, head["page"]["id"], moment.page.url, components) for one in moment.list_all()]
    return {"page": head["page"], "incidents": items}


def atom(page: PublicPage, incidents: Sequence[PublicIncident]) -> str:
    """Return the feed: ids that never change, updates as text, the newest first (RFC 4287)."""
    here = page.url or "/status"
    newest = max((one.updated_at for one in incidents), default=FIRST)
    entries = "".join(
        f"<entry><id>urn:receiver:{one.id}</id><title>{_xml(one.title)}</title>"
        f"<published>{rfc3339(one.opened_at)}</published><updated>{rfc3339(one.updated_at)}</updated>"
        f'<link rel="alternate" href="{_xml(here)}"/><content type="text">{_xml(_told(one))}</content></entry>'
        for one in incidents
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
        f"<id>urn:receiver:{hashlib.sha256(page.name.encode()).hexdigest()[:12]}</id><title>{_xml(page.title)}</title>"
        f"<updated>{rfc3339(newest)}</updated><author><name>{_xml(page.name)}</name></author>"
        f'<link rel="alternate" href="{_xml(here)}"/>{entries}</feed>\n'
    )


def _told(one: PublicIncident) -> str:
    return "\n".join(f"{rfc3339(update.at)} {update.progress}: {update.text}" for update in one.updates)


def _xml(text: str) -> str:
    # XML 1.0 knows no control characters but tab and line ends, and no surrogates.
    return escape(_UNWRITABLE.sub("", text), quote=True)


def summary_shape(page: PublicPage) -> dict[str, Any]:
    """Return the page in the form of Statuspage's `summary.json` (contracts: statuspage, the public JSON)."""
    here = hashlib.sha256(page.name.encode()).hexdigest()[:12]
    now = rfc3339(page.updated_at)
    components = {c.id: _component(c, here, now, number) for number, c in enumerate(page.components, 1)}
    return {
        "page": {"id": here, "name": page.name, "url": page.url, "time_zone": "Etc/UTC", "updated_at": now},
        "components": list(components.values()),
        "incidents": [_incident(incident, here, page.url, components) for incident in page.incidents],
        "scheduled_maintenances": [_maintenance(one, here, page.url, components) for one in page.maintenance],
        "status": {"indicator": page.impact, "description": page.summary},
    }


def _maintenance(one: PublicMaintenance, page: str, url: str, components: dict[str, dict[str, Any]]) -> dict[str, Any]:
    starts, ends = rfc3339(one.starts_at), rfc3339(one.ends_at)
    return {
        "id": one.id, "page_id": page, "name": one.title, "status": "in_progress" if one.active else "scheduled",
        "impact": "maintenance", "created_at": starts, "updated_at": starts, "monitoring_at": None,
        "resolved_at": None, "shortlink": url, "scheduled_for": starts, "scheduled_until": ends,
        "incident_updates": [], "components": [components[name] for name in one.components],
    }  # fmt: skip


def _component(component: PublicComponent, page: str, now: str, position: int) -> dict[str, Any]:
    return {
        "id": component.id, "page_id": page, "group_id": None, "created_at": None, "updated_at": now, "group": False,
        "name": component.name, "description": None, "position": position, "status": component.condition,
        "showcase": True, "only_show_if_degraded": False, "start_date": None,
    }  # fmt: skip


def _incident(incident: PublicIncident, page: str, url: str, components: dict[str, dict[str, Any]]) -> dict[str, Any]:
    opened, updated = rfc3339(incident.opened_at), rfc3339(incident.updated_at)
    touched = [components[name] for name in incident.components]
    return {
        "id": incident.id, "page_id": page, "name": incident.title,
        "status": incident.progress, "impact": incident.impact,
        "created_at": opened, "started_at": opened, "updated_at": updated,
        "monitoring_at": rfc3339(incident.monitoring_at) if incident.monitoring_at else None,
        "resolved_at": rfc3339(incident.resolved_at) if incident.resolved_at else None,
        "shortlink": url, "incident_updates": [_update(one, incident, touched) for one in incident.updates],
        "components": touched,
    }  # fmt: skip


def _update(one: PublicUpdate, incident: PublicIncident, touched: list[dict[str, Any]]) -> dict[str, Any]:
    at = rfc3339(one.at)
    return {
        "id": hashlib.sha256(f"{incident.id}/{one.n}/{one.progress}".encode()).hexdigest()[:12],
        "incident_id": incident.id, "status": one.progress, "body": one.text, "created_at": at, "updated_at": at,
        "display_at": at, "deliver_notifications": False,
        "affected_components": [
            {"code": part["id"], "name": part["name"], "old_status": "operational", "new_status": part["status"]}
            for part in touched
        ],
    }  # fmt: skip
