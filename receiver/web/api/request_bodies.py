"""The bodies of requests under `/api/v1` (surfaces.md, Shapes in JSON), and the command that each one means."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field, JsonValue, StrictBool

from receiver.model.base import Frozen
from receiver.model.command import (
    Acknowledge,
    AddAction,
    AddNote,
    Assign,
    ChangeAction,
    CheckOff,
    Choose,
    Close,
    Command,
    Declare,
    Document,
    Edit,
    Escalate,
    Identify,
    Line,
    Mitigate,
    Name,
    PageContact,
    Prose,
    Reopen,
    Resolve,
    RunTimer,
    SetClock,
    UpdateStatusPage,
    WritePostmortem,
)
from receiver.model.incident.postmortem import CorrectedTime, ReviewStatus
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
"""A time with its offset, as RFC 3339 writes it."""


class Body(Frozen):
    """What every request may say: who does it; default: the token's name."""

    by: Name | None = Field(None, description="Who does it; default: the name of the token.")


class LifecycleBody(Body):
    """A move of the incident, and why."""

    text: Prose | None = Field(None, description="Why, for the timeline.")


class CloseBody(LifecycleBody):
    """The end of the work; `force` closes what is not resolved, and needs `text`."""

    force: StrictBool = Field(False, description="Close it although it is not resolved; needs `text`.")


class DeclareBody(Body):
    """An incident that nobody's alert has opened."""

    title: Line = Field(description="What is wrong, in a line.")
    severity: Severity = Field(description="How bad it is.")
    service: Name | None = Field(None, description="The service that it is about.")
    summary: Prose | None = Field(None, description="What is known.")
    drill: StrictBool = Field(False, description="An exercise: it is marked everywhere and counts in no figure.")

    def request(self) -> Declare:
        """Return the command."""
        return Declare(**self.model_dump(exclude={"by"}))


class PatchBody(Body):
    """What is said about the incident; a field that is left out, or null, stays."""

    title: Line | None = Field(None, description="What is wrong, in a line.")
    severity: Severity | None = Field(None, description="Up or down; whoever is to be paged then is.")
    summary: Prose | None = Field(None, description="What is known.")
    cause: Prose | None = Field(None, description="What has caused it.")
    impact: Prose | None = Field(None, description="What users notice.")
    resolution: Prose | None = Field(None, description="What ended it.")
    text: Prose | None = Field(None, description="Why, when the severity changes.")

    def command(self) -> Command:
        """Return the command."""
        return Edit(**self.model_dump(exclude={"by"}))


class MergeBody(Body):
    """The incident that this one is part of."""

    into: Name = Field(description="Its id, such as INC-2026-0001.")


class SplitBody(Body):
    """The alerts that are another incident."""

    fingerprints: tuple[Name, ...] = Field(min_length=1, max_length=1000, description="Of its alerts.")
    title: Name | None = Field(None, description="Of the new incident; left out: of its worst alert.")


class NoteBody(Body):
    """A line for the timeline."""

    text: Prose = Field(description="The line.")
    at: Moment | None = Field(None, description="When it happened, if that was earlier (RFC 3339).")

    def command(self) -> Command:
        """Return the command."""
        return AddNote(text=self.text, at=self.at)


class RoleBody(Body):
    """Who has a role; null takes it away."""

    role: Role = Field(description="Which role.")
    person: Name | None = Field(description="A key of `people`, with or without @; null: nobody.")

    def command(self) -> Command:
        """Return the command."""
        return Assign(role=self.role, person=self.person)


class UpdateBody(Body):
    """How it stands, for the public; the incident moves forward to it."""

    status: UpdateStatus = Field(description="How it stands.")
    text: Prose = Field(description="What the public reads.")
    components: tuple[Name, ...] | None = Field(
        None, max_length=100, description="Ids of the parts of the status page that it concerns; left out: as before."
    )
    next_update: Moment | None = Field(None, description="When the next one is promised (RFC 3339).")
    cause: Line | None = Field(None, description="What has caused it, in public words.")
    expected_resolution: Moment | None = Field(None, description="When it is thought to be over (RFC 3339).")
    publish: StrictBool | None = Field(
        None, description="true: at once; false: a draft; left out: as the severity says."
    )

    def command(self) -> Command:
        """Return the command."""
        return UpdateStatusPage(**self.model_dump(exclude={"by"}))


class ChecklistBody(Body):
    """An item of the investigation checklist."""

    item: int = Field(ge=1, le=100, description="Its number, from 1.")
    done: StrictBool = Field(True, description="false: it is not done after all.")

    def command(self) -> Command:
        """Return the command."""
        return CheckOff(item=self.item, done=self.done)


class ActionBody(Body):
    """Something promised."""

    title: Line = Field(description="What is promised.")
    owner: Name = Field(description="A key of `people`, with or without @.")
    due: date | None = Field(None, description="By which day.")

    def command(self) -> Command:
        """Return the command."""
        return AddAction(title=self.title, owner=self.owner, due=self.due)


class ActionPatch(Body):
    """What changes about an action item; a field that is left out, or null, stays."""

    status: ActionStatus | None = Field(None, description="How far it is.")
    title: Line | None = Field(None, description="What is promised.")
    owner: Name | None = Field(None, description="A key of `people`, with or without @.")
    due: date | None = Field(None, description="By which day.")

    def command(self, n: int) -> Command:
        """Return the command for action item `n`."""
        return ChangeAction(n=n, **self.model_dump(exclude={"by"}, exclude_none=True))


class MitigationBody(Body):
    """The option chosen."""

    option: Name = Field(
        description="rollback, scale, circuit-breaker, feature-flag, failover, or one of your own in a word."
    )
    text: Prose | None = Field(None, description="What is done.")

    def command(self) -> Command:
        """Return the command."""
        return Choose(option=self.option, text=self.text)


class PageBody(Body):
    """A contact who is to be paged."""

    contact: Name = Field(description="A key of `contacts`, with or without @.")
    text: Prose = Field(description="What it is about.")

    def command(self) -> Command:
        """Return the command."""
        return PageContact(contact=self.contact, text=self.text)


class SilenceBody(Body):
    """A silence in Alertmanager of alerts with the incident's labels."""

    duration: Annotated[int, Field(ge=60, le=7 * 86400)] = Field(description="Seconds, from a minute to a week.")
    text: Prose | None = Field(None, description="Why.")


class OverrideBody(Body):
    """Somebody takes over a schedule for a while."""

    model_config = ConfigDict(populate_by_name=True)

    schedule: Name = Field(description="A key of `schedules`.")
    person: Name = Field(description="A key of `people`, with or without @.")
    from_: Moment | None = Field(None, alias="from", description="From when on; left out: from now on.")
    until: Moment = Field(description="Until when.")


class TimerBody(Body):
    """The incident's timer."""

    action: Literal["start", "stop"] = Field(description="Which.")

    def command(self) -> Command:
        """Return the command."""
        return RunTimer(action=self.action)


class PostmortemBody(Body):
    """The post-mortem as it is to stand: its text, how far it is, or both."""

    markdown: Document | None = Field(None, description="Its text; left out: it stays.")
    status: ReviewStatus | None = Field(None, description="draft or final; left out: it stays.")

    def command(self) -> Command:
        """Return the command."""
        return WritePostmortem(markdown=self.markdown, status=self.status)


class EntryBody(Body):
    """What is to be set right about an entry of the timeline; what was written is kept."""

    text: Prose | None = Field(None, description="What it should say.")
    at: Moment | None = Field(None, description="When it really was (RFC 3339).")
    hidden: StrictBool | None = Field(None, description="Whether it is left out of the timeline that others read.")


class ClockBody(Body):
    """When something really was; null: as the log has it."""

    clock: CorrectedTime = Field(description="Which moment.")
    at: Moment | None = Field(description="When it really was (RFC 3339).")
    text: Prose | None = Field(None, description="How that is known.")

    def command(self) -> Command:
        """Return the command."""
        return SetClock(clock=self.clock, at=self.at, text=self.text)


class ArchiveBody(Frozen):
    """Incidents as they were exported."""

    items: Annotated[tuple[dict[str, JsonValue], ...], Field(max_length=500, description="Lines of an export.")]


LIFECYCLE: dict[str, type[Command]] = {
    "acknowledge": Acknowledge,
    "identify": Identify,
    "mitigate": Mitigate,
    "resolve": Resolve,
    "close": Close,
    "reopen": Reopen,
    "escalate": Escalate,
}
"""The last word of a lifecycle path, and its command."""
