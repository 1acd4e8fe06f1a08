"""The parts of the configuration that decisions about an incident need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from receiver.incident.oncall.contact_directory import ContactDirectory
from receiver.incident.paging.policy_snapshot import take_policy_snapshot
from receiver.incident.paging.team_people import take_team_people, with_team_people
from receiver.incident.service_name import SERVICE_FROM
from receiver.incident.title import Named
from receiver.model.delivery.public_incident import UNNAMED_PRODUCT
from receiver.model.incident.event import Destination
from receiver.model.incident.incident import Incident
from receiver.model.incident.policy_snapshot import Plan, SeverityPlan
from receiver.model.severity import Severity
from receiver.model.severity_policy import CustomerVisible, NewAlert

HOLD = timedelta(seconds=60)
"""How long an alert that fires again with the startsAt of its own end is held."""


@dataclass(frozen=True)
class Policy:
    """The settings that decisions about incidents use."""

    namespace: str
    directory: ContactDirectory
    pagers: tuple[tuple[str, str], ...]
    """Name and kind of the complete channels that can page a person."""
    informs: tuple[Destination, ...]
    """Where incidents are announced."""
    monitor_for: timedelta
    auto_resolve: bool
    reopen_within: timedelta
    keyed: frozenset[str] = frozenset()
    """Pagers whose vendor deduplicates pages by their key."""
    mute: frozenset[str] = frozenset()
    """Pagers that wake no one: the log."""
    zone: str = "UTC"
    """The zone of business hours."""
    calm_for: timedelta = timedelta(minutes=15)
    """How long every firing alert must be less severe before a lower severity is proposed."""
    visible: Callable[[Mapping[str, str], str | None], bool | None] = lambda labels, scope: None
    """(labels, scope) -> whether customers see it; None: unknown."""
    listeners: tuple[Listener, ...] = ()
    """Contacts that are notified of some incidents in addition (`audiences`)."""
    windows: Callable[[Mapping[str, str], datetime], tuple[str, datetime] | None] = lambda labels, now: None
    """(labels, now) -> name and end of the maintenance window of an alert; None: it is in none."""
    storm: tuple[int, timedelta] | None = None
    """If more incidents than this open within that time, they are a storm."""
    tickets: tuple[Destination, ...] = ()
    """Where tickets are created."""
    public: tuple[Destination, ...] = ()
    """Where status updates are published, in addition to the built-in page."""
    documents: tuple[Destination, ...] = ()
    """Where documents are kept as pages."""
    marks: tuple[Destination, ...] = ()
    """Where incidents are annotated on graphs."""
    repositories: Mapping[str, str] = field(default_factory=dict)
    """The repository of each service that has one; it is queried for recent changes."""
    support: tuple[Destination, ...] = ()
    """Who is notified of each published update: the support team."""
    components: Callable[[Mapping[str, str]], tuple[tuple[str, str], ...]] = lambda labels: ()
    """(labels) -> id and name of the components of the status page that they belong to."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Id and name of every component of the status page."""
    product: str = UNNAMED_PRODUCT
    """The name that is used in public texts without a component."""
    letters: tuple[tuple[str, str], ...] = ()
    """Name and kind of the channels that send mail to people at their own addresses."""
    verify_every: timedelta | None = None
    """How often the checks of `verification` run while an incident is monitored; None: there are none."""

    asked_budgets: frozenset[Severity] = frozenset()
    """Severities with an error budget that is queried from Prometheus."""
    rules_known: bool = False
    """Whether there is a Prometheus that can be queried for its alert rules."""
    new_alert: NewAlert | None = None
    """What a new alert in an acknowledged incident does; None: depends on the severity."""
    service_from: tuple[str, ...] = SERVICE_FROM
    """Labels that may name the service of an incident, in order of preference."""
    detect_at_most: timedelta = timedelta(hours=1)
    """Alerts that had fired for longer when their receiver first sent them are excluded from detection times."""
    title: Callable[[Named], str] = lambda named: named.title
    """The title of an incident."""
    guarded: Callable[[Mapping[str, str], str], tuple[bool, tuple[str, ...]]] = lambda labels, team: (False, ())
    """(labels, team) -> whether an incident is private when it opens, and which other teams see it then."""
    measures: bool = False
    """Whether any measurement is read by a query."""

    team: str = ""
    """The team that this policy is for; empty: the top level."""
    teams: Mapping[str, Policy] = field(default_factory=dict, compare=False, repr=False)
    """The policy of each team by name, and of the top level under ""; empty without teams."""

    @cached_property
    def plan(self) -> Plan:
        """The snapshot for an incident that opens now, without the people of a team (`opening_plan`)."""
        return take_policy_snapshot(self.directory, self.zone, self.marks)

    def opening_plan(self, now: datetime) -> Plan:
        """Return the snapshot for an incident that opens at `now`, with the people of its team."""
        if not self.team:
            return self.plan
        people = take_team_people(self.directory, self.plan, self.pagers, self.letters, now)
        return self.plan.model_copy(update={"team_people": people.model_copy(update={"informs": self.informs})})

    def for_team(self, team: str) -> Policy:
        """Return the policy of `team`; the top level's for "" and for a team that does not exist."""
        return self if team == self.team else self.teams.get(team, self.teams.get("", self))

    def of(self, incident: Incident) -> Policy:
        """Return the policy of the team that owns `incident`.

        If a reload has removed the team or one of its contacts, the people at the time of the opening are used.
        """
        view, kept = self.for_team(incident.team), incident.plan.team_people
        if kept is None or not incident.team:
            return view
        gone = view.team != incident.team
        if not gone and kept.contacts.keys() <= view.directory.contacts.keys():
            return view
        informs = kept.informs if gone and kept.informs else view.informs
        directory = with_team_people(view.directory, kept, every=gone)
        return replace(view, directory=directory, informs=informs, team=incident.team)

    def joining(self, severity: Severity) -> NewAlert:
        """Return what a new alert in an acknowledged incident of `severity` does."""
        urgent = severity in (Severity.SEV1, Severity.SEV2)
        return self.new_alert or (NewAlert.PAGE if urgent else NewAlert.NOTIFY)

    def person_called(self, name: str | None) -> str | None:
        """Return the key of the person with that key or name; None: the configuration has no such person."""
        people = self.directory.people
        return name if name in people else next((one for one, card in people.items() if card.name == name), None)

    def called(self, incident: Incident) -> SeverityPlan:
        """Return the settings of the incident's severity, from its own snapshot if it has one."""
        kept = incident.called
        return kept if kept is not None else self.plan.severities[incident.severity]


@dataclass(frozen=True)
class Listener:
    """An entry of `audiences`, its matchers compiled."""

    severities: tuple[Severity, ...]
    matches: Callable[[Mapping[str, str]], bool]
    when: CustomerVisible | None
    notify: tuple[str, ...]
