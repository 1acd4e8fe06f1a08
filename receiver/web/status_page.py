"""The public status page, as HTML and in Statuspage's form. It is asked by anybody, so it asks the store nothing."""

from __future__ import annotations

import hashlib
from typing import Any

from aiohttp import web

from receiver.config import Config
from receiver.model.base import rfc3339
from receiver.model.public import PublicComponent, PublicIncident, PublicMaintenance, PublicPage
from receiver.pipeline.publicity import Publicity
from receiver.web.errors import answer
from receiver.web.keys import Doors
from receiver.web.pages import Pages

FRESH = "public, max-age=15"
EVERYWHERE = {"Cache-Control": FRESH, "Access-Control-Allow-Origin": "*"}


class StatusPage:
    """`/status` and its JSON. What it shows is a PublicPage and nothing else."""

    def __init__(self, doors: Doors, pages: Pages) -> None:
        """The components are read once for each configuration."""
        self.doors = doors
        self.pages = pages
        self._read: Config | None = None
        self._publicity: Publicity | None = None

    async def page(self, request: web.Request) -> web.Response:
        """`/status`, for people."""
        response = self.pages.render("status.html", page=self._page(), support=self.doors.config.service.support_email)
        response.headers["Cache-Control"] = FRESH
        return response

    async def summary(self, request: web.Request) -> web.Response:
        """`/status/api/v2/summary.json`, as Statuspage writes it."""
        response = answer(summary_shape(self._page()))
        response.headers.update(EVERYWHERE)
        return response

    def _page(self) -> PublicPage:
        if self._publicity is None or self._read is not self.doors.config:
            self._read = self.doors.config
            self._publicity = Publicity(self._read)
        return self._publicity.page(self.doors.mirror.open(), self.doors.clock.now(), self.doors.setting().maintenance)


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
    update = {
        "id": hashlib.sha256(f"{incident.id}/{incident.progress}".encode()).hexdigest()[:12],
        "incident_id": incident.id,
        "status": incident.progress, "body": incident.text, "created_at": updated, "updated_at": updated,
        "display_at": updated, "deliver_notifications": False,
        "affected_components": [
            {"code": one["id"], "name": one["name"], "old_status": "operational", "new_status": one["status"]}
            for one in touched
        ],
    }  # fmt: skip
    return {
        "id": incident.id, "page_id": page, "name": incident.title,
        "status": incident.progress, "impact": incident.impact,
        "created_at": opened, "started_at": opened, "updated_at": updated,
        "monitoring_at": rfc3339(incident.monitoring_at) if incident.monitoring_at else None, "resolved_at": None,
        "shortlink": url, "incident_updates": [update], "components": touched,
    }  # fmt: skip
