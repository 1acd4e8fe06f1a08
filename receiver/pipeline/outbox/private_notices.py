"""The parts of a private incident that messages may contain: its id, severity and state. Pure."""

from __future__ import annotations

from typing import Any

from receiver.model.delivery.notice import Notice
from receiver.model.incident.incident import Incident

PRIVATE = "private incident"
"""The title that messages show for an incident that only its team can see."""


def shown_incident(incident: Incident) -> Incident:
    """Return an incident as messages show it: a private one has only id, severity, state, and paged people."""
    if not incident.private:
        return incident
    decision = incident.decision.model_copy(update={"rule": "private", "reasons": (), "scope": None})
    bare: dict[str, Any] = {
        "title": PRIVATE, "labels": {}, "annotations": {}, "service": None, "names": (), "summary": None, "cause": None,
        "impact": None, "resolution": None, "decision": decision, "actions": (), "mitigations": (), "updates": (),
        "changes": None, "links": {}, "review": None, "checklist": (), "partial": (), "joining": (),
    }  # fmt: skip
    return incident.model_copy(update=bare)


def sealed(notice: Notice) -> Notice:
    """Return `notice` as it may be sent: for a private incident with only its id, severity and state."""
    incident = notice.incident
    if incident is None or not incident.private:
        return notice
    page = notice.page.model_copy(update={"note": ""}) if notice.page is not None else None
    shown = shown_incident(incident)
    change: dict[str, Any] = {
        "incident": shown, "page": page, "text": f"{shown.badge}[{shown.severity}] {PRIVATE} ({shown.label})",
        "alerts": (), "links": (), "images": (), "events": (), "accounts": {}, "invited": (), "document": None,
    }  # fmt: skip
    return notice.model_copy(update=change)
