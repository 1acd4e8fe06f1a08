"""The e-mail to customers about a major incident: a draft, which the Communications Lead is told of. Pure."""

from __future__ import annotations

from datetime import datetime

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.recipients import Policy, email_destinations
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.severity import Severity

MAJOR = (Severity.SEV1, Severity.SEV2)
"""The seed writes to customers about these."""


def customer_email_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return since when the Communications Lead is to be told of the draft; None: she was, or there is no reason to.

    Nobody has the role, or customers do not see it: then nobody is asked, and the draft can be read all the same.
    """
    if incident.severity not in MAJOR or not incident.state.over or incident.drill or incident.merged:
        return None
    if incident.lettered_at is not None or incident.roles.communications_lead is None:
        return None
    if policy.visible(incident.labels, incident.decision.scope) is False:
        return None
    return incident.resolved_at or incident.closed_at


def remind_of_customer_email(draft: Transition, policy: Policy) -> None:
    """Tell her where it is: she writes what is open in it, and sends it."""
    lead, label = draft.incident.roles.communications_lead, draft.incident.label
    people = [lead] if lead else []
    text = f"the e-mail to customers is drafted for {lead} to complete and send: receiver customer-email {label}"
    draft.add(Kind.LETTER, "drafted", text, {"people": people}, (*policy.informs, *email_destinations(policy, people)))
