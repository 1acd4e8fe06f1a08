"""The review: when a post-mortem starts, and the commands to edit it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from receiver.incident.log.command_errors import IllegalCommand
from receiver.incident.log.event_log import Transition
from receiver.incident.paging.policy import Policy
from receiver.model.base import rfc3339
from receiver.model.command import CorrectEntry, SetClock, WritePostmortem
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.postmortem import CorrectedTime, PostmortemVersion, ReviewStatus
from receiver.model.severity_policy import Postmortem

MOST = 200
"""Maximum number of versions of a post-mortem; each is stored in full."""


def postmortem_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return since when a page for the post-mortem is due; None: it exists, or none was required or written."""
    if not policy.documents or not (requires_postmortem(incident, policy) or incident.review is not None):
        return None
    if not incident.state.over or incident.drill or incident.merged or incident.documented:
        return None
    return incident.resolved_at or incident.closed_at


def requires_postmortem(incident: Incident, policy: Policy) -> bool:
    """Return whether the severity of `incident` requires a post-mortem."""
    settings = policy.directory.severities.get(incident.severity)
    return settings is not None and settings.postmortem is Postmortem.REQUIRED


def begin_postmortem(draft: Transition, policy: Policy) -> None:
    """Record that the draft exists, and where; the page is written from the whole log."""
    pages = [to.model_dump(mode="json") for to in policy.documents]
    names = ", ".join(to.channel for to in policy.documents)
    text = f"the draft of its post-mortem is in {names}"
    reason = "required" if requires_postmortem(draft.incident, policy) else "written"
    draft.add(Kind.POSTMORTEM, reason, text, {"pages": pages}, (*policy.informs, *policy.documents))


def write_postmortem(draft: Transition, command: WritePostmortem, policy: Policy) -> None:
    """Store a new version of the post-mortem; the previous one stays in the log."""
    known = draft.incident.review
    before = known.status if known else ReviewStatus.DRAFT
    status = command.status or before
    if command.markdown is None and status is before:
        return
    if status is ReviewStatus.FINAL and not draft.incident.state.over:
        raise IllegalCommand(draft.incident, "finish the post-mortem of", "resolve it first")
    if known is not None and known.version >= MOST:
        raise IllegalCommand(draft.incident, "write the post-mortem of", f"there are {MOST} versions already")
    made = PostmortemVersion(
        version=(known.version if known else 0) + 1, status=status, by=draft.actor.name, at=draft.now
    )
    data = {"writing": made.model_dump(mode="json"), "markdown": command.markdown}
    text = f"post-mortem, version {made.version} ({status}), by {draft.actor.name}"
    draft.add(Kind.POSTMORTEM_WRITTEN, status, text, data, policy.informs)


def correct_entry(draft: Transition, command: CorrectEntry, policy: Policy) -> None:
    """Correct or hide an entry of the timeline; the entry itself is not changed."""
    if command.seq > draft.incident.seq:
        raise IllegalCommand(
            draft.incident, f"correct entry {command.seq} of", f"it has entries 1 to {draft.incident.seq}"
        )
    if command.at is not None and command.at > draft.now:
        raise IllegalCommand(draft.incident, f"correct entry {command.seq} of", "its time is in the future")
    fields = {
        "text": command.text,
        "at": rfc3339(command.at) if command.at else None,
        "hidden": command.hidden,
    }
    said = {name: value for name, value in fields.items() if value is not None}
    if not said:
        return
    words = ", ".join("hidden" if v is True else "shown" if v is False else f"{n} {v}" for n, v in said.items())
    data: dict[str, Any] = {"entry": command.seq, "by": draft.actor.name, **said}
    if command.restated:
        data["restated"] = command.restated
    draft.add(Kind.CORRECTED, "corrected", f"entry {command.seq} corrected by {draft.actor.name}: {words}", data)


def set_clock(draft: Transition, command: SetClock, policy: Policy) -> None:
    """Record the actual time of something. The log, and decisions based on it, do not change."""
    incident, name = draft.incident, str(command.clock)
    if command.at is not None and command.at > draft.now:
        raise IllegalCommand(incident, f"set {name} of", "its time is in the future")
    before = incident.clocks.get(name)
    if before == command.at:
        return
    if command.clock is CorrectedTime.RESOLVED and not incident.state.over and command.at is not None:
        raise IllegalCommand(incident, "set resolved of", "resolve it first")
    after = {**incident.clocks, name: command.at}
    began = after.get(CorrectedTime.IMPACT_BEGAN) or incident.started_at
    ended = after.get(CorrectedTime.RESOLVED) or incident.resolved_at
    if command.clock in (CorrectedTime.IMPACT_BEGAN, CorrectedTime.RESOLVED) and ended is not None and ended < began:
        said = f"its impact began at {rfc3339(began)} and it was resolved at {rfc3339(ended)}, which is earlier"
        raise IllegalCommand(incident, f"set {name} of", said)
    data = {
        "clock": name,
        "at": rfc3339(command.at) if command.at else None,
        "before": rfc3339(before) if before else None,
        "by": draft.actor.name,
    }
    to = f"set to {data['at']}" if command.at else "as the log has it"
    text = f"{name.replace('_', ' ')}: {to} by {draft.actor.name}"
    draft.add(Kind.CLOCK_SET, "clock", f"{text}: {command.text}" if command.text else text, data, policy.informs)
