"""What follows when an acknowledgement expires. `log/acknowledgement_renewal.py` decides how long it lasts. Pure."""

from __future__ import annotations

from datetime import datetime

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.page_responders import BACKUP as BACKUP
from receiver.incident.paging.page_responders import page_responders_again
from receiver.incident.paging.planned_pages import pagers_of
from receiver.incident.paging.policy import Policy
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import TAKEN


def acknowledgement_expires_at(incident: Incident) -> datetime | None:
    """Return when the acknowledgement expires without further work; None if it cannot expire."""
    if incident.state not in TAKEN:
        return None
    return min((at for at in (incident.acknowledged_until, incident.answer_by) if at is not None), default=None)


def on_acknowledgement_expired(draft: Transition, policy: Policy) -> None:
    """The acknowledgement has expired: page again, ask the Incident Commander, and continue the escalation."""
    incident = draft.incident
    commander = incident.roles.incident_commander
    who = incident.acknowledged_by or "someone"
    asked = f"; {commander} (Incident Commander): is anyone working on it?" if commander else ""
    draft.add(
        Kind.ACKNOWLEDGEMENT_LAPSED,
        "no_work",
        f"the acknowledgement by {who} has expired: no activity was seen{asked}",
        {"by": who, "commander": commander},
        (*policy.informs, *pagers_of(incident)),
    )
    if commander and commander in policy.directory.people:
        draft.add(Kind.NOTIFY, "no_work", f"asked: {commander}", {"people": [commander]}, policy.informs)
    page_responders_again(draft, policy, incident, "acknowledgement_lapsed")
