"""The public status page in the format of Statuspage's API. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from receiver.model.base import rfc3339
from receiver.model.delivery.public_incident import (
    PublicComponent,
    PublicIncident,
    PublicMaintenance,
    PublicPage,
    PublicUpdate,
)

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
"""A start time for things without one, because clients expect a time."""


def page_shape(page: PublicPage, past: Sequence[PublicIncident] = ()) -> dict[str, Any]:
    """Return the data for all JSON responses of the page; `past`: past incidents, newest first.

    The first five keys are those of `summary.json`. Each time is that of a change, never that of the request.
    """
    here = hashlib.sha256(page.name.encode()).hexdigest()[:12]
    known = [*page.incidents, *past]
    components = {
        c.id: _component(c, here, _touched(c.id, page, known), number) for number, c in enumerate(page.components, 1)
    }
    changed = max(
        [_changed(one) for one in known] + [one.starts_at for one in page.maintenance if one.active] + [FIRST]
    )
    windows = [_maintenance(one, here, page.url, components) for one in page.maintenance]
    opened = [_incident(incident, here, page.url, components) for incident in page.incidents]
    return {
        "page": {
            "id": here, "name": page.name, "url": page.url, "time_zone": "Etc/UTC", "updated_at": rfc3339(changed),
        },
        "components": list(components.values()),
        "incidents": opened,
        "scheduled_maintenances": windows,
        "status": {"indicator": page.impact, "description": page.summary},
        "all": [*opened, *(_incident(incident, here, page.url, components) for incident in past)],
    }  # fmt: skip


def _changed(one: PublicIncident) -> datetime:
    return max(moment for moment in (one.updated_at, one.monitoring_at, one.resolved_at) if moment is not None)


def _touched(component: str, page: PublicPage, incidents: Sequence[PublicIncident]) -> datetime:
    # The time of the last change, according to the listed items.
    moments = [_changed(one) for one in incidents if component in one.components]
    moments += [one.starts_at for one in page.maintenance if one.active and component in one.components]
    return max(moments, default=FIRST)


def incident_url(page: str, number: str) -> str:
    """Return the address of one incident's page; `page` is the address of the status page, "" if it is unknown."""
    return f"{page}/incidents/{number}" if page else ""


def _maintenance(one: PublicMaintenance, page: str, url: str, components: dict[str, dict[str, Any]]) -> dict[str, Any]:
    starts, ends = rfc3339(one.starts_at), rfc3339(one.ends_at)
    updated = starts if one.active else rfc3339(FIRST)
    return {
        "id": one.id, "page_id": page, "name": one.title, "status": "in_progress" if one.active else "scheduled",
        "impact": "maintenance", "created_at": rfc3339(FIRST), "updated_at": updated, "monitoring_at": None,
        "resolved_at": None, "shortlink": url, "scheduled_for": starts, "scheduled_until": ends,
        "incident_updates": [], "components": [components[name] for name in one.components],
    }  # fmt: skip


def _component(component: PublicComponent, page: str, changed: datetime, position: int) -> dict[str, Any]:
    return {
        "id": component.id, "page_id": page, "group_id": None, "created_at": rfc3339(FIRST),
        "updated_at": rfc3339(changed), "group": False,
        "name": component.name, "description": None, "position": position, "status": component.condition,
        "showcase": True, "only_show_if_degraded": False, "start_date": None,
    }  # fmt: skip


def _incident(incident: PublicIncident, page: str, url: str, components: dict[str, dict[str, Any]]) -> dict[str, Any]:
    opened, updated = rfc3339(incident.opened_at), rfc3339(_changed(incident))
    touched = [components[name] for name in incident.components]
    return {
        "id": incident.id, "page_id": page, "name": incident.title,
        "status": incident.progress, "impact": incident.impact,
        "created_at": opened, "started_at": opened, "updated_at": updated,
        "monitoring_at": rfc3339(incident.monitoring_at) if incident.monitoring_at else None,
        "resolved_at": rfc3339(incident.resolved_at) if incident.resolved_at else None,
        "shortlink": incident_url(url, incident.id),
        "incident_updates": [_update(one, incident, touched) for one in incident.updates], "components": touched,
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
