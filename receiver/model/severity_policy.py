"""The policy: settings of each severity, escalations, and audiences.

Defaults are those of docs/process.md.
"""

from __future__ import annotations

from datetime import time
from enum import StrEnum
from itertools import pairwise
from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from receiver.model.setting_values import ClockTime, Duration, PositiveDuration, ZoneName
from receiver.model.settings_base import Settings
from receiver.model.severity import Severity

CustomerVisible = Literal["customer_visible"]


class Postmortem(StrEnum):
    """Whether an incident must be reviewed."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


class NewAlert(StrEnum):
    """What happens if a new alert joins an acknowledged incident."""

    PAGE = "page"
    NOTIFY = "notify"
    IGNORE = "ignore"


class Publish(StrEnum):
    """How an update reaches the public status page."""

    AUTO = "auto"
    APPROVE = "approve"


class StatusPolicy(Settings):
    """When updates are published."""

    update_within: Duration | None = None
    """How soon the first update is due after the incident opens; none: no deadline."""
    publish: Publish = Publish.APPROVE
    """`auto`: published automatically; `approve`: a draft until the Communications Lead approves it."""
    when: CustomerVisible | None = None
    """`customer_visible`: only if customers see it; none: always."""


class Day(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class BusinessHours(Settings):
    """The hours that count for response times and reminders."""

    model_config = ConfigDict(populate_by_name=True)

    days: tuple[Day, ...] = Field(default=(Day.MON, Day.TUE, Day.WED, Day.THU, Day.FRI), min_length=1)
    """Days of the week."""
    from_: ClockTime = Field(default=time(9), alias="from")
    """Start of the day, in `service.timezone`."""
    to: ClockTime = time(17)
    """End of the day; later than `from`."""

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.to <= self.from_:
            raise ValueError("the day ends before it begins (write a `to` later than `from`)")
        return self


class PageHours(BusinessHours):
    """The hours in which people are paged; pages at other times wait for the next of these hours."""

    timezone: ZoneName | None = None
    """The zone of `from` and `to`; none: `service.timezone`."""


class SeveritySettings(Settings):
    """What happens for an incident of this severity."""

    title: str
    """The name of the severity."""
    respond_within: PositiveDuration
    """Response time: if no one acknowledges within it, the backup is paged."""
    page: tuple[str, ...] = ()
    """Contacts to page."""
    notify: tuple[str, ...] = ()
    """Contacts to notify: a mention in chat and an email, never the pager."""
    all_hands: bool = False
    """Whether all hands are notified until it is resolved."""
    ticket: bool = False
    """Whether a ticket is created at once."""
    queue: bool = False
    """Whether it is tracked in the incident queue."""
    status_page: StatusPolicy | None = None
    """Automatic publication on the status page; none: no automatic publication."""
    escalation: str | None = None
    """A key of `escalations`; none: no one else is paged."""
    acknowledged_for: PositiveDuration | None = None
    """How long an acknowledgement lasts without activity on the incident; none: forever."""
    fallback_channels: tuple[str, ...] = ()
    """Fallback channels for pages while the paging channel is unavailable."""
    second_road: tuple[str, ...] = ()
    """The earlier name of `fallback_channels`; the channels in both are used."""
    update_every: PositiveDuration | None = None
    """How often a status update is due; none: no reminders."""
    postmortem: Postmortem = Postmortem.NONE
    """Whether a post-mortem is required."""
    business_hours: BusinessHours | None = None
    """Response time and reminders count only these hours; none: around the clock."""
    page_hours: PageHours | None = None
    """People are paged only in these hours; outside them a page waits, while chat, mail and tickets do not wait.
    None: around the clock. SEV-1 cannot have any."""


SEVERITY_DEFAULTS: dict[Severity, dict[str, str]] = {
    Severity.SEV1: {"title": "Critical", "respond_within": "5m", "postmortem": "required"},
    Severity.SEV2: {"title": "Major", "respond_within": "15m", "postmortem": "required"},
    Severity.SEV3: {"title": "Minor", "respond_within": "1h", "postmortem": "optional"},
    Severity.SEV4: {"title": "Low", "respond_within": "4h", "postmortem": "none"},
}
"""Defaults of each severity (docs/process.md)."""


class Until(StrEnum):
    """What stops an escalation."""

    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class EscalationStep(Settings):
    """One step: who else is paged, and after how long."""

    after: Duration
    """Time since the incident got its current severity."""
    page: tuple[str, ...] = ()
    """Contacts to page."""
    notify: tuple[str, ...] = ()
    """Contacts to notify."""

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.page and not self.notify:
            raise ValueError("the step pages and notifies no one (write page: [contact] or notify: [contact])")
        return self


class Escalation(Settings):
    """Who else is paged if no one answers, or until the incident is over."""

    until: Until = Until.ACKNOWLEDGED
    """What stops the escalation."""
    steps: tuple[EscalationStep, ...] = Field(min_length=1)
    """The steps, in chronological order."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if any(later.after < earlier.after for earlier, later in pairwise(self.steps)):
            raise ValueError("steps out of order (write them from the earliest `after` to the latest)")
        return self


class Audience(Settings):
    """Contacts that are also notified of some incidents."""

    severities: tuple[Severity, ...] = Field(default=tuple(Severity), min_length=1)
    """Severities of the incidents."""
    matchers: tuple[str, ...] = ()
    """Matchers on the incident's labels; all must match."""
    when: CustomerVisible | None = None
    """`customer_visible`: only if customers see it."""
    notify: tuple[str, ...] = Field(min_length=1)
    """Contacts to notify."""
