"""When a post-mortem is begun: once an incident whose severity asks for one is over. Pure."""

from __future__ import annotations

from datetime import datetime

from receiver.incident.audience import Policy
from receiver.incident.journal import Draft
from receiver.model.event import Kind
from receiver.model.incident import Incident
from receiver.model.policy import Postmortem


def review_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return since when a page for the post-mortem is to be there; None: it is, or none is asked for."""
    settings = policy.directory.severities.get(incident.severity)
    if not policy.documents or settings is None or settings.postmortem is not Postmortem.REQUIRED:
        return None
    if not incident.state.over or incident.drill or incident.merged or incident.documented:
        return None
    return incident.resolved_at or incident.closed_at


def begin_review(draft: Draft, policy: Policy) -> None:
    """Say that the draft is there, where it is kept; the page is written from the whole log."""
    pages = [to.model_dump(mode="json") for to in policy.documents]
    names = ", ".join(to.channel for to in policy.documents)
    text = f"the draft of its post-mortem is in {names}"
    draft.add(Kind.POSTMORTEM, "required", text, {"pages": pages}, (*policy.informs, *policy.documents))
