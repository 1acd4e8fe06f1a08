"""The bodies of requests under `/api/v1`, and the command for each of them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StrictBool

from receiver.model.base import Frozen
from receiver.model.command import (
    Acknowledge,
    AddAction,
    AddNote,
    Assign,
    ChangeAction,
    ChangeTeam,
    CheckOff,
    Choose,
    Close,
    Command,
    Declare,
    Edit,
    Escalate,
    Identify,
    Line,
    MarkNoise,
    Mitigate,
    Name,
    PageContact,
    Prose,
    Reopen,
    Resolve,
    RunTimer,
    SetVisibility,
    UpdateStatusPage,
)
from receiver.model.incident.response_records import ActionStatus, Role, UpdateStatus
from receiver.model.severity import Severity
from receiver.model.wall_clock import YEARS, check_day


def _of_our_time(moment: datetime) -> datetime:
    check_day(moment.date())
    return moment


def _written(value: object) -> object:
    if not isinstance(value, (str, datetime)):
        raise ValueError("not a time (write it as RFC 3339 does, such as 2026-11-02T09:00:00Z)")
    return value


Moment = Annotated[
    AwareDatetime, BeforeValidator(_written), AfterValidator(_of_our_time), Field(json_schema_extra={"pattern": YEARS})
]
"""A time with an offset, in the format of RFC 3339."""


class Body(Frozen):
    """A field of every request: the person who acts; default: the token's name."""

    by: Name | None = Field(None, description="The person performing the action; default: the token's name.")


class LifecycleBody(Body):
    """A change of the incident's state, and the reason."""

    text: Prose | None = Field(None, description="The reason, for the timeline.")


class CloseBody(LifecycleBody):
    """Closing an incident; `force` closes one that is not resolved, and needs `text`."""

    force: StrictBool = Field(False, description="Close it even if it is not resolved; needs `text`.")


class DeclareBody(Body):
    """An incident that a person declares."""

    title: Line = Field(description="The problem, in one line.")
    severity: Severity = Field(description="The severity.")
    service: Name | None = Field(None, description="The affected service.")
    summary: Prose | None = Field(None, description="A summary of what is known.")
    drill: StrictBool = Field(False, description="A drill: marked everywhere and excluded from all statistics.")
    team: Name | Literal[""] = Field("", description="The team that owns it; empty: the top level.")

    def request(self) -> Declare:
        """Return the command."""
        return Declare(**self.model_dump(exclude={"by"}))


class PatchBody(Body):
    """Descriptions of the incident; a field that is omitted or null stays unchanged."""

    title: Line | None = Field(None, description="The problem, in one line.")
    severity: Severity | None = Field(None, description="The new severity; contacts that it adds are paged.")
    summary: Prose | None = Field(None, description="A summary of what is known.")
    cause: Prose | None = Field(None, description="The cause.")
    impact: Prose | None = Field(None, description="The impact on users.")
    resolution: Prose | None = Field(None, description="What resolved it.")
    text: Prose | None = Field(None, description="The reason, when the severity changes.")

    def command(self) -> Command:
        """Return the command."""
        return Edit(**self.model_dump(exclude={"by"}))


class VisibilityBody(Body):
    """Who can see the incident."""

    visibility: Literal["team", "all"] = Field(description="team: only its own team; all: every reader.")

    def command(self) -> SetVisibility:
        """Return the command."""
        return SetVisibility(visibility=self.visibility)


class TeamBody(Body):
    """The team that takes over the incident."""

    team: Name | Literal[""] = Field(description="A key of `teams`; empty: the top level.")
    text: Prose | None = Field(None, description="The reason, for the timeline.")

    def command(self) -> Command:
        """Return the command."""
        return ChangeTeam(**self.model_dump(exclude={"by"}))


class MergeBody(Body):
    """The incident into which this one is merged."""

    into: Name = Field(description="Its id, such as INC-2026-0001.")


class SplitBody(Body):
    """The alerts that become another incident."""

    fingerprints: tuple[Name, ...] = Field(
        min_length=1, max_length=1000, description="Fingerprints of the alerts to move."
    )
    title: Name | None = Field(None, description="Title of the new incident; default: derived from its worst alert.")


class NoteBody(Body):
    """A line for the timeline."""

    text: Prose = Field(description="The text of the note.")
    at: Moment | None = Field(None, description="When it happened, if that was earlier (RFC 3339).")

    def command(self) -> Command:
        """Return the command."""
        return AddNote(text=self.text, at=self.at)


class RoleBody(Body):
    """The person who holds a role; null removes it."""

    role: Role = Field(description="The role.")
    person: Name | None = Field(description="A key of `people`, with or without @; null: no one.")
    known_only: bool = Field(False, description="true: 404 for a person who is not in `people`.")

    def command(self) -> Command:
        """Return the command."""
        return Assign(role=self.role, person=self.person, known_only=self.known_only)


class UpdateBody(Body):
    """A status update for the public; the incident moves to the matching state."""

    status: UpdateStatus = Field(description="The public status.")
    text: Prose = Field(description="The public text.")
    components: tuple[Name, ...] | None = Field(
        None, max_length=100, description="Ids of the status-page components that it affects; default: as before."
    )
    next_update: Moment | None = Field(None, description="The announced time of the next update (RFC 3339).")
    cause: Line | None = Field(None, description="The cause, worded for the public.")
    expected_resolution: Moment | None = Field(None, description="Expected end (RFC 3339).")
    publish: StrictBool | None = Field(
        None, description="true: publish at once; false: save as a draft; default: by severity."
    )

    def command(self) -> Command:
        """Return the command."""
        return UpdateStatusPage(**self.model_dump(exclude={"by"}))


class DraftBody(Body):
    """The new text of a draft."""

    text: Prose = Field(description="The public text.")


class NoiseBody(Body):
    """Whether the incident was noise: its alert rule should not have paged anyone."""

    noise: StrictBool = Field(True, description="false: remove the mark.")
    text: Prose | None = Field(None, description="What the alert rule should do instead.")

    def command(self) -> Command:
        """Return the command."""
        return MarkNoise(noise=self.noise, text=self.text)


class ChecklistBody(Body):
    """An item of the investigation checklist."""

    item: int = Field(ge=1, le=100, description="Its number, from 1.")
    done: StrictBool = Field(True, description="false: uncheck it.")

    def command(self) -> Command:
        """Return the command."""
        return CheckOff(item=self.item, done=self.done)


class ActionBody(Body):
    """A follow-up task."""

    title: Line = Field(description="The task.")
    owner: Name = Field(description="A key of `people`, with or without @.")
    due: date | None = Field(None, description="The due date.")
    known_only: bool = Field(False, description="true: 404 for a person who is not in `people`.")

    def command(self) -> Command:
        """Return the command."""
        return AddAction(title=self.title, owner=self.owner, due=self.due, known_only=self.known_only)


class ActionPatch(Body):
    """Changes to an action item; a field that is omitted or null stays unchanged."""

    status: ActionStatus | None = Field(None, description="open, done or dropped.")
    title: Line | None = Field(None, description="The task.")
    owner: Name | None = Field(None, description="A key of `people`, with or without @.")
    due: date | None = Field(None, description="The due date.")
    known_only: bool = Field(False, description="true: 404 for a person who is not in `people`.")

    def command(self, n: int) -> Command:
        """Return the command for action item `n`."""
        return ChangeAction(n=n, **self.model_dump(exclude={"by"}, exclude_none=True))


class MitigationBody(Body):
    """The chosen option."""

    option: Name = Field(
        description="rollback, scale, circuit-breaker, feature-flag, failover, or your own, as one word."
    )
    text: Prose | None = Field(None, description="The action taken.")
    known_only: bool = Field(False, description="true: 404 for an option that is not built in.")

    def command(self) -> Command:
        """Return the command."""
        return Choose(option=self.option, text=self.text, known_only=self.known_only)


class PageBody(Body):
    """A contact to page."""

    contact: Name = Field(description="A key of `contacts`, with or without @.")
    text: Prose = Field(description="The reason for the page.")

    def command(self) -> Command:
        """Return the command."""
        return PageContact(contact=self.contact, text=self.text)


class SilenceBody(Body):
    """A silence in Alertmanager for alerts with the incident's labels."""

    duration: Annotated[int, Field(ge=60, le=7 * 86400)] = Field(description="Seconds, from a minute to a week.")
    text: Prose | None = Field(None, description="The reason.")


class TimerBody(Body):
    """The incident's timer."""

    action: Literal["start", "stop"] = Field(description="Whether to start or stop it.")

    def command(self) -> Command:
        """Return the command."""
        return RunTimer(action=self.action)


LIFECYCLE: dict[str, type[Command]] = {
    "acknowledge": Acknowledge,
    "identify": Identify,
    "mitigate": Mitigate,
    "resolve": Resolve,
    "close": Close,
    "reopen": Reopen,
    "escalate": Escalate,
}
"""The command for the last segment of a lifecycle path."""
