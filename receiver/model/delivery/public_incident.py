"""Data for the public. No field can hold text from an alert or the name of a person."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from receiver.model.base import Frozen, Kept

UNNAMED_PRODUCT = "our service"
"""The name in public texts if the product has no name in the configuration."""


class PublicStatus(StrEnum):
    """The status of a problem, in Statuspage's terms."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


class Impact(StrEnum):
    """The impact on customers, in Statuspage's terms."""

    NONE = "none"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"
    MAINTENANCE = "maintenance"
    """No problem, and scheduled maintenance is in progress."""


class Condition(StrEnum):
    """The condition of a component, in Statuspage's terms."""

    OPERATIONAL = "operational"
    MAINTENANCE = "under_maintenance"
    DEGRADED = "degraded_performance"
    PARTIAL = "partial_outage"
    MAJOR = "major_outage"


class PublicComponent(Frozen):
    """A public component of the service. Its id and name come from the configuration."""

    id: str
    name: str
    condition: Condition = Condition.OPERATIONAL


class PublicUpdate(Frozen):
    """A published update, from a template or by a person who is responsible for its text."""

    n: int
    progress: PublicStatus
    text: str
    at: datetime


class PublicIncident(Frozen):
    """A published problem: its title and text consist of component names and fixed words."""

    id: str
    """Opaque, and the same for the incident's whole life."""
    title: str
    progress: PublicStatus
    impact: Impact
    components: tuple[str, ...]
    """Ids of the affected components."""
    opened_at: datetime
    updated_at: datetime
    monitoring_at: datetime | None = None
    resolved_at: datetime | None = None
    """When it ended; None while it is open."""
    updates: tuple[PublicUpdate, ...] = ()
    """The newest first."""


class PublicNews(Frozen):
    """The content for an external page: one incident, and the condition of every component, based on all incidents."""

    incident: PublicIncident
    conditions: dict[str, Condition] = {}


class PublicMaintenance(Frozen):
    """Published scheduled maintenance: which components, and when."""

    id: str
    title: str
    components: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    active: bool
    named: bool = False
    """Whether it has a public name, which is then its title."""


class PublicAnnouncement(Kept):
    """A public message that belongs to no component."""

    id: str
    title: str
    text: str
    at: datetime
    until: datetime | None = None
    """When it disappears from the page; None: when a person removes it."""


class PublicPage(Frozen):
    """The whole status page."""

    name: str
    title: str
    url: str
    impact: Impact
    """The worst impact of the open problems."""
    summary: str
    components: tuple[PublicComponent, ...]
    incidents: tuple[PublicIncident, ...] = ()
    """The newest first."""
    maintenance: tuple[PublicMaintenance, ...] = ()
    """Maintenance that is active or begins within 14 days, earliest first."""
    announcements: tuple[PublicAnnouncement, ...] = ()
    """The newest first."""
    updated_at: datetime
