"""The record of an incident for reviews, a tenth of its size: times in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from receiver.model.base import to_ms
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import ADOPTED
from receiver.model.incident.postmortem import CorrectedTime, ReviewStatus

TEXT = 200
"""Maximum number of stored characters of a label or an annotation."""


def review_record_text(incident: Incident) -> str:
    """Return the record that is stored with the snapshot, as JSON; "" if none is stored.

    It was a tenth of the size of an open incident, whose snapshot contains the same data, and was built with each
    commit. Reports over months of finished incidents read it, and it marks a private incident (count_fired.lua).
    """
    if not incident.state.over and not incident.private:
        return ""
    return orjson.dumps(review_record_fields(incident)).decode()


def index_fields(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the record that the index of similar incidents needs, from a stored snapshot.

    Parsing an Incident first would cost ten times as much. Raises ValueError, TypeError, LookupError or AttributeError.
    """
    names, alertname = state.get("names", ()), state.get("labels", {}).get("alertname")
    return {
        "opened": to_ms(datetime.fromisoformat(state["opened_at"])),
        "service": state.get("service"),
        "alertname": alertname or next(iter(names), state["decision"]["rule"]),
        "drill": state.get("drill", False),
        "merged": state.get("merged", False),
    }


def review_record_fields(incident: Incident) -> dict[str, Any]:
    """Return the data for figures, as JSON. Times that people corrected count (model/incident/postmortem.py)."""
    clocks, asked = incident.clocks, incident.called
    over = incident.state.over
    ended = clocks.get(CorrectedTime.RESOLVED) or incident.resolved_at or incident.closed_at if over else None
    answered = clocks.get(CorrectedTime.ACKNOWLEDGED) or incident.first_acknowledged_at or incident.acknowledged_at
    # An incident in a storm counts as an incident; a merged one is part of another one.
    in_storm = incident.held == "storm" or (incident.parent is not None and not incident.merged)
    return {
        "severity": incident.severity,
        "opened": to_ms(incident.opened_at),
        "began": _ms(_began(incident)),
        "answered": _ms(answered),
        "ended": _ms(ended),
        "respond": asked.respond if asked else None,
        "hours": asked.hours.model_dump() if asked and asked.hours else None,
        "zone": incident.plan.zone,
        "service": incident.service,
        **({"team": incident.team} if incident.team else {}),
        **({"private": [incident.team, *incident.visible_to]} if incident.private else {}),
        "labels": {name: value[:TEXT] for name, value in incident.labels.items()},
        "annotations": {name: value[:TEXT] for name, value in incident.annotations.items()},
        "alertname": incident.labels.get("alertname") or next(iter(incident.names), incident.decision.rule),
        "flaps": incident.flaps,
        "drill": incident.drill,
        "merged": incident.merged,
        "in_storm": in_storm,
        **({"noise": True} if incident.noise is not None else {}),
        "final": incident.review is not None and incident.review.status is ReviewStatus.FINAL,
        # Pages of one call through several channels count as one page.
        "pages": sorted(
            {
                (page.person, page.ring, to_ms(page.at))
                for page in (*incident.pages, *incident.handed)
                if page.step != ADOPTED
            }
        ),
        "actions": [item.model_dump(mode="json") for item in incident.actions],
    }


def _began(incident: Incident) -> datetime | None:
    # A declared incident has no detection time until a person enters it.
    known = incident.clocks.get(CorrectedTime.IMPACT_BEGAN)
    if known is not None or incident.declared:
        return known
    fired = incident.clocks.get(CorrectedTime.ALERT_FIRED, None if incident.estimated else incident.started_at)
    if fired is None:
        return None
    return fired if not incident.fires_after else fired - timedelta(seconds=incident.fires_after)


def _ms(at: datetime | None) -> int | None:
    return to_ms(at) if at is not None else None
