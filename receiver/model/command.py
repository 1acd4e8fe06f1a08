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
    """A command for one incident."""


class Acknowledge(Command):
    """Acknowledge the incident, so that no one is paged again."""

    text: Prose | None = None


class Identify(Command):
    """Mark the cause as known."""

    text: Prose | None = None


class Mitigate(Command):
    """Record that the fix is in place; the incident is then monitored."""

    text: Prose | None = None


class Resolve(Command):
    """Resolve the incident."""

    text: Prose | None = None


class Close(Command):
    """Close the incident; needs a resolved one, or `force` with the reason in `text`."""

    text: Prose | None = None
    force: bool = False


class Reopen(Command):
    """Reopen the incident."""

    text: Prose | None = None


class Escalate(Command):
    """Escalate to the next step now."""

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
    """The reason, if the severity changes."""


class SetVisibility(Command):
    """Set who can see it: its own team, or every reader."""

    visibility: Literal["team", "all"]
    text: Prose | None = None


class AddNote(Command):
    """Add a note to the timeline, with its own time if it happened earlier."""

    text: Prose
    at: datetime | None = None


class Assign(Command):
    """Assign a role to a person; None removes it."""

    role: Role
    person: Name | None
    known_only: bool = False
    """Refuse a name that the configuration does not have."""


class CheckOff(Command):
    """Check an item of the checklist, or uncheck it."""

    item: int = Field(ge=1)
    done: bool = True


class AddAction(Command):
    """Add an action item."""

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
    """Record a mitigation."""

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
    """Hand it over to another team: that team is paged, and the pages of the previous team end."""

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
    """The cause, worded for the public."""
    expected_resolution: datetime | None = None
    publish: bool | None = None
    """True: publish at once; False: a draft; None: according to the severity."""


class ApproveUpdate(Command):
    """Publish a draft."""

    n: int = Field(ge=1)


class EditDraft(Command):
    """Change the text of a pending draft, which then counts as that person's text."""

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
    """Record that a silence was created in Alertmanager for this incident."""

    id: Name
    until: datetime
    text: Prose | None = None
    fresh: bool = True
    """Whether it was created or extended; finding an unchanged one is not recorded."""


class WritePostmortem(Command):
    """Replace the draft with a text, or mark it as final."""

    markdown: Document | None = None
    """None: the text stays."""
    status: ReviewStatus | None = None
    """None: unchanged; a draft at first."""


class CorrectEntry(Command):
    """Correct an entry of the timeline; the original stays in the log."""

    seq: int = Field(ge=1)
    text: Prose | None = None
    at: datetime | None = None
    hidden: bool | None = None
    """Whether others do not see it in the timeline."""
    restated: dict[str, Any] = Field(default_factory=dict)
    """The values of the incident after that (incident/followup/hidden_entries.py); the command handler adds them."""


class SetClock(Command):
    """Set the actual time of something; None: the time in the log."""

    clock: CorrectedTime
    at: datetime | None
    text: Prose | None = None


class Declare(Frozen):
    """Open an incident manually."""

    title: Line
    severity: Severity
    service: Name | None = None
    summary: Prose | None = None
    drill: bool = False
    team: Name | Literal[""] = ""
    """The team that will own it; empty: the top level."""
