"""Reminds the Communications Lead of the draft of the email to customers about a major incident. Pure."""

from __future__ import annotations

from datetime import datetime

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.recipients import email_destinations
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.severity import Severity

MAJOR = (Severity.SEV1, Severity.SEV2)
"""Severities about which customers are notified."""


def customer_email_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return when the reminder is due; None: it was sent, or it is not needed.

    It is not needed if no one has the role, or customers do not see the incident. The draft can be read in any case.
    """
    if incident.severity not in MAJOR or not incident.state.over or incident.drill or incident.merged:
        return None
    if incident.lettered_at is not None or incident.roles.communications_lead is None:
        return None
    if policy.visible(incident.labels, incident.decision.scope) is False:
        return None
    return incident.resolved_at or incident.closed_at


def remind_of_customer_email(draft: Transition, policy: Policy) -> None:
    """Remind the Communications Lead where the draft is, to complete and send it."""
    lead, label = draft.incident.roles.communications_lead, draft.incident.label
    people = [lead] if lead else []
    text = f"customer email drafted; {lead} to review and send: receiver customer-email {label}"
    draft.add(Kind.LETTER, "drafted", text, {"people": people}, (*policy.informs, *email_destinations(policy, people)))
