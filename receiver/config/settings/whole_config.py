"""The whole configuration: the sections of the file, and what was read along with them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SerializeAsAny

from receiver.channels.base import ChannelSettings
from receiver.channels.pagerduty import PagerDuty
from receiver.config.config_errors import Problem
from receiver.config.settings.feature_settings import (
    Heartbeat,
    Links,
    Maintenance,
    Objective,
    Reviews,
    StatusPage,
    Verification,
)
from receiver.config.settings.service_settings import Auth, Incidents, Ingest, Redis, Server, Service
from receiver.config.settings.title_templates import Texts
from receiver.incident.oncall.contact_directory import ContactDirectory, service_key
from receiver.model.oncall.schedule_settings import Contact, Person, Schedule
from receiver.model.settings_base import Settings
from receiver.model.severity import Severity
from receiver.model.severity_policy import Audience, Escalation, EscalationStep, SeveritySettings, Until
from receiver.triage.rules.rules_file import RulesSettings

SEED_ESCALATIONS = {
    "sev-1": Escalation(
        until=Until.RESOLVED,
        steps=(
            EscalationStep(after=timedelta(minutes=15), page=("vp-engineering",)),
            EscalationStep(after=timedelta(minutes=30), page=("cto",)),
            EscalationStep(after=timedelta(hours=1), page=("ceo",)),
        ),
    ),
    "sev-2": Escalation(
        steps=(
            EscalationStep(after=timedelta(minutes=15), page=("engineering-lead",)),
            EscalationStep(after=timedelta(minutes=30), page=("vp-engineering",)),
        ),
    ),
    "sev-3": Escalation(steps=(EscalationStep(after=timedelta(minutes=15), notify=("engineering-lead",)),)),
}
"""The seed's escalation matrix, for a file without `escalations`."""


def _none_without(value: Any) -> Any:
    return None if value == "" else value


class Sections(Settings):
    """What stands in the file. Everything but `channels` and `severities` may be left out."""

    service: Service = Service()
    """How the service calls itself."""
    server: Server = Server()
    """Where it listens."""
    redis: Redis = Redis()
    """The store."""
    auth: Auth = Auth()
    """Who may call."""
    severity_rules: Annotated[str | None, BeforeValidator(_none_without)] = None
    """File of the severity rules, relative to this one; none: the rules that ship with the service."""
    ingest: Ingest = Ingest()
    """What comes in."""
    incidents: Incidents = Incidents()
    """The life of an incident."""
    severities: dict[Severity, SeveritySettings]
    """What happens for each severity."""
    escalations: dict[str, Escalation] = SEED_ESCALATIONS
    """Who is called later; left out: `sev-1`, `sev-2` and `sev-3` of the process's matrix."""
    audiences: tuple[Audience, ...] = ()
    """Who else hears of it."""
    contacts: dict[str, Contact] = {}
    """Roles that are paged and told."""
    people: dict[str, Person] = {}
    """How each one is reached."""
    schedules: dict[str, Schedule] = {}
    """Who is on call when."""
    channels: dict[str, SerializeAsAny[ChannelSettings]]
    """The ways to the outside world; each entry's `kind` says which keys it has."""
    status_page: StatusPage = StatusPage()
    """The built-in public page."""
    links: Links = Links()
    """Deep links into your tools."""
    objectives: tuple[Objective, ...] = (Objective(name="availability", target=0.999),)
    """Error budgets; left out: 99.9% available in 30 days."""
    maintenance: tuple[Maintenance, ...] = ()
    """Windows in which nobody is paged."""
    texts: Texts = Texts()
    """What incidents are called."""
    reviews: Reviews = Reviews()
    """What reviews count by."""
    heartbeat: Heartbeat = Heartbeat()
    """A beat to somebody outside, while paging works end to end."""
    verification: Verification = Verification()
    """What "the fix is verified" means."""


class Config(Sections):
    """A configuration that can be used, and what was found out while it was read."""

    rules: RulesSettings
    """The severity rules."""
    notes: tuple[Problem, ...] = ()
    """What is valid but unwise, or off."""
    off: dict[str, str] = {}
    """Channels that are off, and why."""
    hash: str = ""
    """16 hex digits over everything that was read, rules and environment included."""
    file: str = ""
    """The file, as it was named."""

    @property
    def public_path(self) -> str:
        """The path that browsers see in front of every path of ours; empty: none."""
        if self.server.public_path is not None:
            return self.server.public_path
        return urlsplit(self.service.public_url or "").path.rstrip("/")

    @property
    def base_url(self) -> str | None:
        """Where people reach the console, the path in front of it included; None: nobody has said."""
        if self.service.public_url is None:
            return None
        parts = urlsplit(self.service.public_url)
        return f"{parts.scheme}://{parts.netloc}{self.public_path}"

    @property
    def directory(self) -> ContactDirectory:
        """Everybody who can be called, and the policy by which they are."""
        return ContactDirectory(
            people={**self.people, **self._services()},
            contacts=self.contacts,
            schedules=self.schedules,
            severities=self.severities,
            escalations=self.escalations,
            audiences=self.audiences,
        )

    def _services(self) -> dict[str, Person]:
        # PagerDuty services that stand for people: each is paged as one person would be.
        only = next((name for name, one in self.channels.items() if one.kind == PagerDuty.kind), "")
        return {
            service_key(name): Person(name=name, addresses={contact.channel or only: key})
            for name, contact in self.contacts.items()
            if (key := contact.routing_key) is not None
        }
