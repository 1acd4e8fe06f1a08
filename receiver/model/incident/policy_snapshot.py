"""The policy in force when an incident opened, stored with it so that a reload does not change it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from receiver.model.base import Kept
from receiver.model.incident.event import Destination
from receiver.model.severity import Severity
from receiver.model.severity_policy import CustomerVisible, Publish, Until


class ContactMethod(StrEnum):
    """How a contact is reached."""

    PAGE = "page"
    NOTIFY = "notify"


class Step(Kept):
    """One step of the escalation."""

    after: float
    """Seconds since the incident got its current severity, excluding pauses."""
    page: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()


class ResponseHours(Kept):
    """The hours of the week that count."""

    days: tuple[int, ...]
    """Days of the week; 0 is Monday."""
    opens: int
    """Minutes after midnight, on the wall clock."""
    closes: int


class PagingHours(ResponseHours):
    """The hours of the week in which people are paged."""

    zone: str
    """The time zone of the hours."""


class SeverityPlan(Kept):
    """The settings of one severity."""

    respond: float
    """Response time in seconds."""
    page: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    until: Until = Until.ACKNOWLEDGED
    steps: tuple[Step, ...] = ()
    lease: float | None = None
    """Seconds after which an acknowledgement without work expires; None: never."""
    update: float | None = None
    """Seconds between status updates; None: no reminders."""
    all_hands: bool = False
    ticket: bool = False
    queue: bool = False
    publish: Publish | None = None
    """How an update is published; None: never automatically."""
    publish_within: float | None = None
    """Seconds until the first public update is due."""
    publish_when: CustomerVisible | None = None
    hours: ResponseHours | None = None
    """The only hours that count for `respond` and `update`."""
    page_hours: PagingHours | None = None
    """The only hours in which people are paged; None: around the clock."""

    def pages(self, contact: str) -> bool:
        """Return whether it pages `contact`, at once or in a step of its escalation."""
        return contact in self.page or any(contact in step.page for step in self.steps)


class TeamPeople(Kept):
    """The people of a team's contacts when an incident opened, in case a reload removes the team or a contact.

    Addresses belong to people: the API never returns them.
    """

    contacts: dict[str, tuple[str, ...]] = {}
    """The people of each contact that the plan names."""
    backups: dict[str, tuple[str, ...]] = {}
    addresses: dict[str, dict[str, str]] = {}
    """By person, the address on each channel."""
    names: dict[str, str] = {}
    informs: tuple[Destination, ...] = ()
    """Where the team's incidents were announced."""


class Plan(Kept):
    """The whole policy of an incident."""

    severities: dict[Severity, SeverityPlan] = {}
    zone: str = "UTC"
    """The zone of business hours."""
    marks: tuple[Destination, ...] = ()
    """Where it is annotated, so that an annotation is ended where it was begun."""
    team_people: TeamPeople | None = None
    """Only for an incident with a team."""


class NotifiedContact(Kept):
    """A contact that was paged at the start of a notification cycle, and its response deadline."""

    contact: str
    way: ContactMethod
    at: datetime
    seq: int = 0
    """Sequence number of the event that paged it."""
    due: datetime | None
    """When its backup is paged; None: it was paged, or no answer is awaited."""
    ring: int


class EscalationProgress(Kept):
    """The progress of the escalation. Its clock runs since `since`, and is paused while that is None."""

    step: int = 0
    """Index of the next step."""
    since: datetime | None = None
    spent: float = 0.0
    """Seconds on the clock before `since`."""

    def paused(self, now: datetime) -> EscalationProgress:
        """Return it with its clock stopped at `now`."""
        if self.since is None:
            return self
        return EscalationProgress(step=self.step, spent=self.spent + max(0.0, (now - self.since).total_seconds()))

    def running(self, now: datetime) -> EscalationProgress:
        """Return it with its clock running from `now`."""
        return self if self.since is not None else self.model_copy(update={"since": now})
