"""Records of the work on an incident: checklist, mitigations, action items, updates, roles."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from receiver.model.base import Kept
from receiver.model.severity import Severity


class Role(StrEnum):
    """The roles, by their names in the slash command."""

    IC = "ic"
    TECH = "tech"
    COMMS = "comms"
    SCRIBE = "scribe"

    @property
    def field(self) -> str:
        """The name in an incident's `roles`."""
        return ROLE_FIELDS[self]

    @property
    def title(self) -> str:  # type: ignore[override]
        """The title for display."""
        return ROLE_TITLES[self]

    @property
    def duties(self) -> tuple[str, ...]:
        """Its duties (docs/process.md)."""
        return DUTIES[self]


ROLE_FIELDS = {
    Role.IC: "incident_commander",
    Role.TECH: "technical_lead",
    Role.COMMS: "communications_lead",
    Role.SCRIBE: "scribe",
}
ROLE_TITLES = {
    Role.IC: "Incident Commander",
    Role.TECH: "Technical Lead",
    Role.COMMS: "Communications Lead",
    Role.SCRIBE: "Scribe",
}
DUTIES = {
    Role.IC: (
        "Coordinates response efforts",
        "Makes decisions on mitigation strategy",
        "Manages communication",
        "Delegates tasks",
        "Declares incident resolved",
    ),
    Role.TECH: (
        "Leads technical investigation",
        "Proposes and implements fixes",
        "Coordinates with IC on approach",
        "Documents technical details",
    ),
    Role.COMMS: (
        "Updates status page",
        "Drafts customer communications",
        "Manages internal updates",
        "Coordinates with support team",
    ),
    Role.SCRIBE: (
        "Documents timeline",
        "Records decisions made",
        "Captures action items",
        "Prepares post-mortem draft",
    ),
}

CHECKLIST = (
    "Review alert details and metrics",
    "Check recent deployments (< 24h)",
    "Review recent changes (config, infra)",
    "Check external dependencies",
    "Examine error logs",
    "Identify affected scope (users, tenants, features)",
)
"""The investigation checklist; items are numbered from 1."""
DEPLOYMENTS = 2
"""The number of the item about recent deployments."""


class Option(Kept):
    """A mitigation option with its risk and effort."""

    name: str
    """Its name in the slash command."""
    title: str
    risk: str
    time: str
    effectiveness: str


OPTIONS = (
    Option(
        name="rollback",
        title="Rollback deployment",
        risk="Low",
        time="5 min",
        effectiveness="High if deploy-related",
    ),
    Option(name="scale", title="Scale up resources", risk="Low", time="10 min", effectiveness="Medium"),
    Option(
        name="circuit-breaker",
        title="Enable circuit breaker",
        risk="Medium",
        time="2 min",
        effectiveness="High for external deps",
    ),
    Option(
        name="feature-flag",
        title="Feature flag disable",
        risk="Low",
        time="1 min",
        effectiveness="High for feature-specific",
    ),
    Option(
        name="failover", title="Database failover", risk="Medium", time="15 min", effectiveness="High for DB issues"
    ),
)


class ChecklistTick(Kept):
    """A checked item of the checklist."""

    item: int
    """Its number, from 1."""
    by: str
    at: datetime


class ActionStatus(StrEnum):
    """The state of an action item."""

    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"


class ActionItem(Kept):
    """A follow-up task with an owner and a due date."""

    n: int
    title: str
    owner: str
    due: date | None = None
    status: ActionStatus = ActionStatus.OPEN
    by: str
    at: datetime
    done_at: datetime | None = None
    reminded_at: datetime | None = None
    """When its owner was last reminded."""


class Mitigation(Kept):
    """A mitigation that was chosen."""

    n: int
    option: str
    """A name of OPTIONS, or free text."""
    text: str
    by: str
    at: datetime


class UpdateStatus(StrEnum):
    """The public status in a status update."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


class StatusUpdate(Kept):
    """A status update for the public, published or a draft."""

    n: int
    status: UpdateStatus
    text: str
    components: tuple[str, ...] = ()
    next_update: datetime | None = None
    by: str
    at: datetime
    approved_by: str | None = None
    published_at: datetime | None = None
    """None: a draft."""
    cause: str | None = None
    expected_resolution: datetime | None = None
    """The expected end."""
    deadline: datetime | None = None
    """When it must be published; None: no deadline."""
    template: bool = False
    """Whether the service wrote it, from fixed text and names of components."""
    reminded: bool = False
    """Whether people were reminded that it is pending, or that the next one is due."""
    round: int = 0
    """How often the incident had been reopened at that time."""
    severity: Severity | None = None
    """The severity of the incident at that time; None: not recorded."""
    discarded_at: datetime | None = None
    """When the draft was discarded; None: it was not."""
    discarded_by: str | None = None

    @property
    def waits(self) -> bool:
        """Whether it is a draft that can still be published."""
        return self.published_at is None and self.discarded_at is None

    @property
    def state(self) -> str:
        """`draft`, `published` or `discarded`."""
        return "published" if self.published_at else "discarded" if self.discarded_at else "draft"


class NoiseMark(Kept):
    """A person's mark that an incident was noise: its alert rule should not have paged anyone."""

    by: str
    at: datetime
    text: str = ""
    """The reason, or what the rule should do instead."""


class ResponseTimer(Kept):
    """The incident's timer, started and stopped manually."""

    started_at: datetime
    stopped_at: datetime | None = None


class Roles(Kept):
    """The people who have the roles."""

    incident_commander: str | None = None
    technical_lead: str | None = None
    communications_lead: str | None = None
    scribe: str | None = None


NOBODY = Roles()
"""The roles of an incident without assigned people."""
