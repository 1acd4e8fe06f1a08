"""The whole configuration: the sections of the file, and the data that was read with them."""

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
"""The default escalations (docs/process.md), for a file without `escalations`."""


def _none_without(value: Any) -> Any:
    return None if value == "" else value


class Sections(Settings):
    """The contents of the file. Everything except `channels` and `severities` may be omitted."""

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
    """Who is paged later; default: `sev-1`, `sev-2` and `sev-3`, which implement the documented process."""
    audiences: tuple[Audience, ...] = ()
    """Additional contacts to notify."""
    contacts: dict[str, Contact] = {}
    """Roles that are paged and notified."""
    people: dict[str, Person] = {}
    """People and their addresses."""
    schedules: dict[str, Schedule] = {}
    """On-call schedules."""
    teams: dict[TeamName, Team] = {}
    """Teams and the alerts that they own; the top level covers settings that a team omits and alerts without a team."""
    include: tuple[str, ...] = ()
    """Team files, relative to this file; `*` matches several. Each contains one team and its `people`."""
    channels: dict[str, SerializeAsAny[ChannelSettings]]
    """Connections to vendors and people; the `kind` of an entry determines its keys."""
    status_page: StatusPage = StatusPage()
    """The built-in public page."""
    links: Links = Links()
    """Deep links into your tools."""
    objectives: tuple[Objective, ...] = (Objective(name="availability", target=0.999),)
    """Error budgets; default: 99.9% availability over 30 days."""
    maintenance: tuple[Maintenance, ...] = ()
    """Windows during which no one is paged."""
    texts: Texts = Texts()
    """Titles of incidents."""
    reviews: Reviews = Reviews()
    """Settings of reviews."""
    heartbeat: Heartbeat = Heartbeat()
    """A heartbeat to an external service, sent while paging works end to end."""
    reachability: Reachability = Reachability()
    """Test pages that verify that people can be reached."""
    verification: Verification = Verification()
    """When a fix counts as verified."""


class Config(Sections):
    """A valid configuration, and the notes that were collected while it was read."""

    rules: RulesSettings
    """The severity rules."""
    notes: tuple[Problem, ...] = ()
    """Warnings: settings that are valid but unwise, and channels that are off."""
    off: dict[str, str] = {}
    """Channels that are off, and why."""
    hash: str = ""
    """A hash of everything that was read, including rules and environment: 16 hex digits."""
    file: str = ""
    """The path of the file, as it was given."""

    @property
    def public_path(self) -> str:
        """The path prefix that browsers see before every path of the service; empty: none."""
        if self.server.public_path is not None:
            return self.server.public_path
        return urlsplit(self.service.public_url or "").path.rstrip("/")

    @property
    def base_url(self) -> str | None:
        """The address of the console, including its path prefix; None: not configured."""
        if self.service.public_url is None:
            return None
        parts = urlsplit(self.service.public_url)
        return f"{parts.scheme}://{parts.netloc}{self.public_path}"

    @property
    def directory(self) -> ContactDirectory:
        """Everyone whom the top level can page or notify, and the policy for it."""
        return top_level_directory(self)

    @property
    def teams_in_order(self) -> tuple[str, ...]:
        """The names of the teams in the order in which they are matched against an alert."""
        return tuple(in_order(self.teams))

    def directory_for(self, team: str) -> ContactDirectory:
        """Return the settings of `team`, merged with the top level; for "" or an unknown team: the top level."""
        return team_directory(self, team)
