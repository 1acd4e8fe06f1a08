"""The commands of responders: one model for each, the same for every interface."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from receiver.model.base import Frozen
from receiver.model.incident.postmortem import CorrectedTime, ReviewStatus
from receiver.model.incident.response_records import ActionStatus, Role, UpdateStatus
from receiver.model.severity import Severity
from receiver.model.visible_text import require_visible

Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, pattern=r"[^\s\x85]", max_length=300),
    AfterValidator(require_visible),
]
"""A line of text, 1 to 300 characters."""
Prose = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, pattern=r"[^\s\x85]", max_length=10_000),
    AfterValidator(require_visible),
]
"""Text of up to 10,000 characters."""
Document = Annotated[str, StringConstraints(min_length=1, pattern=r"[^\s\x85]", max_length=100_000)]
"""Markdown of up to 100,000 characters."""
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"[^\s\x85]", max_length=100)]
"""A name of up to 100 characters."""


class Command(Frozen):
    """Something to be done to one incident."""


class Acknowledge(Command):
    """Acknowledge the incident, so that nobody is paged again."""

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
    """Change its title or texts."""

    title: Line | None = None
    severity: Severity | None = None
    summary: Prose | None = None
    cause: Prose | None = None
    impact: Prose | None = None
    resolution: Prose | None = None
    text: Prose | None = None
    """Why, when the severity changes."""


class SetVisibility(Command):
    """Set who sees it: its own team, or every reader."""

    visibility: Literal["team", "all"]
    text: Prose | None = None


class AddNote(Command):
    """Write something into the timeline, at its own time if it happened earlier."""

    text: Prose
    at: datetime | None = None


class Assign(Command):
    """Assign a role to a person; None removes it."""

    role: Role
    person: Name | None
    known_only: bool = False
    """Refuse a name that the configuration does not have."""


class CheckOff(Command):
    """Tick an item of the checklist, or untick it."""

    item: int = Field(ge=1)
    done: bool = True


class AddAction(Command):
    """Promise something."""

    title: Line
    owner: Name
    due: date | None = None
    known_only: bool = False
    """Refuse a name that the configuration does not have."""


class ChangeAction(Command):
    """Change an action item."""

    n: int = Field(ge=1)
    status: ActionStatus | None = None
    title: Line | None = None
    owner: Name | None = None
    due: date | None = None
    known_only: bool = False
    """Refuse a name that the configuration does not have."""


class Choose(Command):
    """Choose a mitigation and note it."""

    option: Name
    text: Prose | None = None
    known_only: bool = False
    """Refuse an option that is not one of `OPTIONS`."""


class RunTimer(Command):
    """Start or stop the incident's timer."""

    action: Literal["start", "stop"]


class PageContact(Command):
    """Page another contact into this incident."""

    contact: Name
    text: Prose


class ChangeTeam(Command):
    """Hand it over to another team: that team is paged, and the pages of the one before end."""

    team: Name | Literal[""]
    """Empty: the top level."""
    text: Prose | None = None


class UpdateStatusPage(Command):
    """Write a status update, and advance the incident to that state."""

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
    """Publish a draft."""

    n: int = Field(ge=1)


class EditDraft(Command):
    """Change the text of a draft that waits; the words are then that person's."""

    n: int = Field(ge=1)
    text: Prose


class DiscardDraft(Command):
    """Discard a draft: it is kept, but can no longer be published."""

    n: int = Field(ge=1)


class MarkNoise(Command):
    """Mark the incident as noise, or remove the mark."""

    noise: bool = True
    text: Prose | None = None
    """What the alert rule should do instead."""


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
    """Correct an entry of the timeline; the original stays in the log."""

    seq: int = Field(ge=1)
    text: Prose | None = None
    at: datetime | None = None
    hidden: bool | None = None
    """Whether it is left out wherever the timeline is shown to others."""
    restated: dict[str, Any] = Field(default_factory=dict)
    """What the incident then says of it (incident/followup/hidden_entries.py); the command handler adds it."""


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
    team: Name | Literal[""] = ""
    """The team that is to own it; empty: the top level."""
