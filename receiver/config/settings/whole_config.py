"""The whole configuration: the sections of the file, and what was read along with them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SerializeAsAny

from receiver.channels.base import ChannelSettings
from receiver.config.config_errors import Problem
from receiver.config.settings.feature_settings import (
    Heartbeat,
    Links,
    Maintenance,
    Objective,
    Reviews,
    Verification,
)
from receiver.config.settings.incident_settings import Incidents
from receiver.config.settings.ingest_settings import Ingest
from receiver.config.settings.reachability_settings import Reachability
from receiver.config.settings.service_settings import Auth, Server, Service
from receiver.config.settings.status_page_settings import StatusPage
from receiver.config.settings.store_settings import Redis
from receiver.config.settings.team_directories import team_directory, top_level_directory
from receiver.config.settings.title_templates import Texts
from receiver.incident.oncall.contact_directory import ContactDirectory
from receiver.model.oncall.schedule_settings import Contact, Person, Schedule
from receiver.model.oncall.team_settings import Team, TeamName
from receiver.model.settings_base import Settings
from receiver.model.severity import Severity
from receiver.model.severity_policy import Audience, Escalation, EscalationStep, SeveritySettings, Until
from receiver.triage.rules.rules_file import RulesSettings
from receiver.triage.team_ownership import in_order

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
    """The service's own name and addresses."""
    server: Server = Server()
    """The HTTP server."""
    redis: Redis = Redis()
    """The store."""
    auth: Auth = Auth()
    """Who may call the API."""
    severity_rules: Annotated[str | None, BeforeValidator(_none_without)] = None
    """File of the severity rules, relative to this file; none: the built-in rules."""
    ingest: Ingest = Ingest()
    """Incoming alerts."""
    incidents: Incidents = Incidents()
    """The life cycle of incidents."""
    severities: dict[Severity, SeveritySettings]
    """What happens for each severity."""
    escalations: dict[str, Escalation] = SEED_ESCALATIONS
    """Who is paged later; default: `sev-1`, `sev-2` and `sev-3` of the process's matrix."""
    audiences: tuple[Audience, ...] = ()
    """Additional contacts to notify."""
    contacts: dict[str, Contact] = {}
    """Roles that are paged and notified."""
    people: dict[str, Person] = {}
    """People and their addresses."""
    schedules: dict[str, Schedule] = {}
    """On-call schedules."""
    teams: dict[TeamName, Team] = {}
    """Who owns which alerts; what a team leaves out, and what no team owns, is that of the top level."""
    include: tuple[str, ...] = ()
    """Files of teams, relative to this file; `*` matches several. Each holds one team and its `people`."""
    channels: dict[str, SerializeAsAny[ChannelSettings]]
    """The ways to the outside world; each entry's `kind` says which keys it has."""
    status_page: StatusPage = StatusPage()
    """The built-in public page."""
    links: Links = Links()
    """Deep links into your tools."""
    objectives: tuple[Objective, ...] = (Objective(name="availability", target=0.999),)
    """Error budgets; left out: 99.9% available in 30 days."""
    maintenance: tuple[Maintenance, ...] = ()
    """Windows in which no one is paged."""
    texts: Texts = Texts()
    """Titles of incidents."""
    reviews: Reviews = Reviews()
    """Settings of reviews."""
    heartbeat: Heartbeat = Heartbeat()
    """A heartbeat to an external service, sent while paging works end to end."""
    reachability: Reachability = Reachability()
    """Test pages that verify that people can be reached."""
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
        """Everybody who can be called by the top level, and the policy by which they are."""
        return top_level_directory(self)

    @property
    def teams_in_order(self) -> tuple[str, ...]:
        """The names of the teams in the order in which they are asked who owns an alert."""
        return tuple(in_order(self.teams))

    def directory_for(self, team: str) -> ContactDirectory:
        """Return what `team` has, merged with the top level; "" and a team that does not exist: the top level."""
        return team_directory(self, team)
