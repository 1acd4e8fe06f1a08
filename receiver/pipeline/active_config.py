"""The current configuration, as the pipeline uses it: one object, which a reload replaces."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from receiver.channels.base import Channel
from receiver.incident.alerts.maintenance_windows import Window
from receiver.incident.paging.policy import Policy
from receiver.model.delivery.notice import Document, Link, Mention
from receiver.model.delivery.public_incident import PublicAnnouncement
from receiver.model.incident.event import Event
from receiver.model.incident.incident import Incident
from receiver.model.severity import Severity
from receiver.review.review_settings import ReviewTargets
from receiver.sources.alertmanager import Address
from receiver.triage.heartbeat_alerts import is_no_alarm
from receiver.triage.matchers import Matcher
from receiver.triage.rules.rule_set import RuleSet
from receiver.triage.team_ownership import Owners


@dataclass(frozen=True)
class ReconcileTimes:
    """How Alertmanager is queried (`ingest.reconcile`)."""

    every: timedelta
    forgotten_after: timedelta
    unheard_after: timedelta


@dataclass(frozen=True)
class CheckAsked:
    """One check of `verification`: an address to request, or a query with its bounds."""

    name: str
    http: str | None = None
    expect_status: int = 200
    promql: str | None = None
    below: float | None = None
    above: float | None = None


NO_TEAMS = Owners({})


@dataclass(frozen=True)
class ActiveConfig:
    """The settings that decisions and deliveries use."""

    rules: RuleSet
    policy: Policy
    channels: Mapping[str, Channel]  # type: ignore[type-arg]
    """The complete channels, by name."""
    correlate_by: tuple[str, ...]
    watchdog: tuple[Matcher, ...]
    id_parts: Callable[[datetime], tuple[str, int, str]]
    """Prefix, width and suffix of an incident's id at a given time."""
    lease: timedelta
    deadline: timedelta
    emergency_paging: bool
    emergency_after: timedelta
    mention: Callable[[str, str], Mention]
    """(person, channel) -> the person's address on that channel."""
    links: Callable[[Incident, datetime], tuple[Link, ...]]
    url: Callable[[Incident], str | None]
    owners: Owners = NO_TEAMS
    """Decides which team owns an alert."""
    number: re.Pattern[str] = re.compile(r"INC-[0-9]{4}-[0-9]{1,12}", re.IGNORECASE)
    """The pattern of an incident's id."""
    heartbeat: tuple[str | None, timedelta] | None = None
    """The address and interval of the heartbeat; None: no heartbeat."""
    github: tuple[str, SecretStr] | None = None
    """The address of GitHub's API for recent changes, and its token; None: not configured."""
    runbooks: tuple[str, str] | None = None
    """The channel and the label of runbooks that are linked to incidents; None if none are."""
    postmortem: Callable[[Incident, Sequence[Event], datetime, Sequence[Mapping[str, Any]], int | None], str] = (
        lambda incident, log, now, receipts, version: ""
    )
    """(incident, its log, now, its receipts, a version or None for the newest) -> its text. Raises LookupError."""
    document: Callable[[Incident, Sequence[Event], datetime, Sequence[Mapping[str, Any]]], Document | None] = (
        lambda incident, log, now, receipts: None
    )
    """(incident, its whole log, now, its receipts) -> the page for the wiki; None: no page."""
    terms: ReviewTargets = field(default_factory=ReviewTargets)
    """The targets that figures are compared with."""
    monthly: tuple[str, bool] | None = None
    """The channel of the monthly review, and whether it becomes a wiki page too; None: it is not sent."""
    kept_for: timedelta = timedelta(days=400)
    """How long an incident is kept in the store after its last change."""
    compress_after: timedelta | None = timedelta(days=1)
    """How long after its last change a finished incident is compressed in the store; None: never."""
    archive: str | None = None
    """The folder for older incidents; None: they are deleted."""
    maintenance: tuple[Window, ...] = ()
    """Every maintenance window that may cover alerts."""
    announcements: tuple[PublicAnnouncement, ...] = ()
    """Public announcements without a component, past ones included, the newest first."""
    edition: str = ""
    """The hash of the configuration."""
    components: tuple[tuple[Matcher, ...], ...] = ()
    """The matchers of each component of the status page."""
    notes: tuple[str, ...] = field(default=())
    watchdogs_by: tuple[str, ...] = ()
    """Labels that identify each Watchdog."""
    silent_after: timedelta | None = None
    """How long the Watchdog may be absent; None: it is not monitored."""
    silence_is: Severity = Severity.SEV2
    """The severity of its absence."""
    checks: tuple[CheckAsked, ...] = ()
    """The checks that run while an incident is monitored."""
    prometheus: str | None = None
    """The address of Prometheus for queries; None: not configured."""
    reconcile: ReconcileTimes | None = None
    """How measurements are queried; None: not at all."""
    history: tuple[timedelta, int] | None = None
    """How long notifications are kept, and how many bytes; None: they are not kept."""
    alertmanagers: tuple[Address, ...] = ()
    """Alertmanagers to query: members of one cluster, or several."""

    dead_man: tuple[str, str, timedelta] | None = None
    """Channel and topic of the dead man's switch, and the time without a heartbeat after which it alerts; None: off."""
    prove_every: timedelta | None = None
    """How long an answered test page is valid; None: test pages are not required."""
    prove_within: timedelta = timedelta(minutes=10)
    """How long a test page can be answered."""
    hooks: str | None = None
    """Base address for answers from phones; None without `service.public_url`."""

    def beats(self, labels: Mapping[str, str]) -> bool:
        """Return whether an alert with these labels is the Watchdog."""
        for matcher in self.watchdog:  # a generator for each alert of a notification costs more than the comparison
            if not matcher.matches(labels):
                return False
        return bool(self.watchdog)

    def alarms(self, labels: Mapping[str, str]) -> bool:
        """Return whether an alert with these labels may open an incident: the Watchdog and InfoInhibitor never do."""
        return not self.beats(labels) and not is_no_alarm(labels)

    @property
    def lanes(self) -> tuple[str, ...]:
        """The lanes of due work, the urgent ones first."""
        return (*(f"{name}!" for name in self.channels), *self.channels)

    @property
    def lease_ms(self) -> int:
        """The lease in milliseconds."""
        return round(self.lease.total_seconds() * 1000)
