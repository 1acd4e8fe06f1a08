"""What a responder may ask for: one model for each command, the same from every door."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from receiver.model.base import Frozen
from receiver.model.incident.postmortem import CorrectedTime, ReviewStatus
from receiver.model.incident.response_records import ActionStatus, Role, UpdateStatus
from receiver.model.severity import Severity

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"[^\s\x85]", max_length=300)]
"""A line of text, 1 to 300 characters."""
Prose = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"[^\s\x85]", max_length=10_000)]
"""Text of up to 10,000 characters."""
Document = Annotated[str, StringConstraints(min_length=1, pattern=r"[^\s\x85]", max_length=100_000)]
"""Markdown of up to 100,000 characters."""
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"[^\s\x85]", max_length=100)]
"""A name of up to 100 characters."""


class Command(Frozen):
    """Something to be done to one incident."""


class Acknowledge(Command):
    """Take it on: whoever was paged need not be rung again."""

    text: Prose | None = None


class Identify(Command):
    """The cause is known."""

    text: Prose | None = None


class Mitigate(Command):
    """The fix is in: watch it."""

    text: Prose | None = None


class Resolve(Command):
    """It is over."""

    text: Prose | None = None


class Close(Command):
    """Its review may begin; needs a resolved incident, or `force` with the reason in `text`."""

    text: Prose | None = None
    force: bool = False


class Reopen(Command):
    """It is not over after all."""

    text: Prose | None = None


class Escalate(Command):
    """Call the next step of the escalation now."""

    text: Prose | None = None


class Edit(Command):
    """Change what is said about it."""

    title: Line | None = None
    severity: Severity | None = None
    summary: Prose | None = None
    cause: Prose | None = None
    impact: Prose | None = None
    resolution: Prose | None = None
    text: Prose | None = None
    """Why, when the severity changes."""


class AddNote(Command):
    """Write something into the timeline, at its own time if it happened earlier."""

    text: Prose
    at: datetime | None = None


class Assign(Command):
    """Give a role to somebody; None takes it away."""

    role: Role
    person: Name | None


class CheckOff(Command):
    """Tick an item of the checklist, or untick it."""

    item: int = Field(ge=1)
    done: bool = True


class AddAction(Command):
    """Promise something."""

    title: Line
    owner: Name
    due: date | None = None


class ChangeAction(Command):
    """Change an action item."""

    n: int = Field(ge=1)
    status: ActionStatus | None = None
    title: Line | None = None
    owner: Name | None = None
    due: date | None = None


class Choose(Command):
    """Choose a mitigation and note it."""

    option: Name
    text: Prose | None = None


class RunTimer(Command):
    """Start or stop the incident's timer."""

    action: Literal["start", "stop"]


class PageContact(Command):
    """Page somebody else into this incident."""

    contact: Name
    text: Prose


class UpdateStatusPage(Command):
    """Say how it stands, and move the incident forward to that."""

    status: UpdateStatus
    text: Prose
    components: tuple[Name, ...] | None = None
    next_update: datetime | None = None
    cause: Line | None = None
    """What has caused it, in public words."""
    expected_resolution: datetime | None = None
    publish: bool | None = None
    """True: at once; False: a draft; None: as the severity says."""


class ApproveUpdate(Command):
    """Let a draft out."""

    n: int = Field(ge=1)


class RecordSilence(Command):
    """A silence was made upstream for this incident."""

    id: Name
    until: datetime
    text: Prose | None = None
    fresh: bool = True
    """Whether it was made, or made longer; one that was found as it is says nothing new."""


class WritePostmortem(Command):
    """Put a text in the place of the draft, or say that it is final."""

    markdown: Document | None = None
    """None: the text stays."""
    status: ReviewStatus | None = None
    """None: as before; a draft at first."""


class CorrectEntry(Command):
    """Set a line of the timeline right; what was written stands in the log still."""

    seq: int = Field(ge=1)
    text: Prose | None = None
    at: datetime | None = None
    hidden: bool | None = None
    """Whether it is left out wherever the timeline is shown to others."""


class SetClock(Command):
    """Say when something really was; None: as the log has it."""

    clock: CorrectedTime
    at: datetime | None
    text: Prose | None = None


class Declare(Frozen):
    """Open an incident by hand."""

    title: Line
    severity: Severity
    service: Name | None = None
    summary: Prose | None = None
    drill: bool = False
