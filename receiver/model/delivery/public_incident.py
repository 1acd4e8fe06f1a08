"""What strangers may see. No field takes text out of an alert or the name of a person: there is nowhere to put it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from receiver.model.base import Frozen

UNNAMED_PRODUCT = "our service"
"""What the public reads where nobody has said what the product is called."""


class PublicStatus(StrEnum):
    """How far the work on a problem is, in Statuspage's words."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


class Impact(StrEnum):
    """How bad it is for customers, in Statuspage's words."""

    NONE = "none"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


class Condition(StrEnum):
    """How a component is, in Statuspage's words."""

    OPERATIONAL = "operational"
    DEGRADED = "degraded_performance"
    PARTIAL = "partial_outage"
    MAJOR = "major_outage"


class PublicComponent(Frozen):
    """A part of the service that the public knows. Id and name come out of the configuration."""

    id: str
    name: str
    condition: Condition = Condition.OPERATIONAL


class PublicUpdate(Frozen):
    """What the public was told, by a template or by a person who answers for the words."""

    n: int
    progress: PublicStatus
    text: str
    at: datetime


class PublicIncident(Frozen):
    """A problem as the public hears of it: its title and text are made of component names and fixed words."""

    id: str
    """Opaque, and the same for the incident's whole life."""
    title: str
    progress: PublicStatus
    impact: Impact
    components: tuple[str, ...]
    """Ids of the components that it concerns."""
    opened_at: datetime
    updated_at: datetime
    monitoring_at: datetime | None = None
    resolved_at: datetime | None = None
    """When it was over; None: it goes on."""
    updates: tuple[PublicUpdate, ...] = ()
    """The newest first."""


class PublicNews(Frozen):
    """What a page elsewhere is to show: one incident, and how every component is by all of them."""

    incident: PublicIncident
    conditions: dict[str, Condition] = {}


class PublicMaintenance(Frozen):
    """Scheduled maintenance, as the public hears of it: which components, and when."""

    id: str
    title: str
    components: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    active: bool


class PublicPage(Frozen):
    """The whole status page."""

    name: str
    title: str
    url: str
    impact: Impact
    """The worst of what is going on."""
    summary: str
    components: tuple[PublicComponent, ...]
    incidents: tuple[PublicIncident, ...] = ()
    """The newest first."""
    maintenance: tuple[PublicMaintenance, ...] = ()
    """What goes on, and what comes in the next 14 days, the earliest first."""
    updated_at: datetime
