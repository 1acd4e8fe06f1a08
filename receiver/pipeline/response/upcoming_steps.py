"""The next steps of an incident by the current policy: who is contacted, and which drafts are waiting. Pure."""

from __future__ import annotations

from datetime import datetime

from receiver.incident.paging.upcoming_contact import NextEscalation as NextEscalation
from receiver.incident.paging.upcoming_contact import next_escalation
from receiver.incident.publication.drafts import waiting_drafts as waiting_drafts
from receiver.model.incident.incident import Incident
from receiver.pipeline.active_config import ActiveConfig


def upcoming(incident: Incident, setting: ActiveConfig, now: datetime) -> NextEscalation | None:
    """Return who is contacted next while no one acknowledges `incident`; None if no one else is."""
    return next_escalation(incident, setting.policy.of(incident), now)
