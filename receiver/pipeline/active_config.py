"""The configuration in force, as the conductors need it: one object, replaced whole by a reload."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from receiver.channels.base import Channel
from receiver.incident.alerts.maintenance_windows import Window
from receiver.incident.paging.recipients import Policy
from receiver.model.delivery.notice import Document, Link, Mention
from receiver.model.incident.event import Event
from receiver.model.incident.incident import Incident
from receiver.model.severity import Severity
from receiver.review.review_targets import ReviewTargets
from receiver.sources.alertmanager import Address
from receiver.triage.heartbeat_alerts import is_no_alarm
from receiver.triage.matchers import Matcher
from receiver.triage.rules.rule_set import RuleSet


@dataclass(frozen=True)
class ReconcileTimes:
    """How Alertmanager is asked what is true there (`ingest.reconcile`)."""

    every: timedelta
    forgotten_after: timedelta
    unheard_after: timedelta


@dataclass(frozen=True)
class CheckAsked:
    """One check of `verification`: an address to get, or a query with its bounds."""

    name: str
    http: str | None = None
    expect_status: int = 200
    promql: str | None = None
    below: float | None = None
    above: float | None = None


@dataclass(frozen=True)
class ActiveConfig:
    """Everything that a decision or a delivery reads of the configuration."""

    rules: RuleSet
    policy: Policy
    channels: Mapping[str, Channel]  # type: ignore[type-arg]
    """The complete ones, by name."""
    correlate_by: tuple[str, ...]
    watchdog: tuple[Matcher, ...]
    id_parts: Callable[[datetime], tuple[str, int, str]]
    """Prefix, width and suffix of an incident's id at a time."""
    lease: timedelta
    deadline: timedelta
    emergency_paging: bool
    emergency_after: timedelta
    mention: Callable[[str, str], Mention]
    """(person, channel) -> how that channel calls the person."""
    links: Callable[[Incident, datetime], tuple[Link, ...]]
    url: Callable[[Incident], str | None]
    number: re.Pattern[str] = re.compile(r"INC-[0-9]{4}-[0-9]{1,12}", re.IGNORECASE)
    """What an incident's id looks like."""
    heartbeat: tuple[str | None, timedelta] | None = None
    """Where the heartbeat goes, and how often; None: nowhere."""
    github: tuple[str, SecretStr] | None = None
    """Where what was changed is asked for, and the token to read with."""
    runbooks: tuple[str, str] | None = None
    """The channel whose pages with that label are linked to incidents; None: none are."""
    postmortem: Callable[[Incident, Sequence[Event], datetime, Sequence[Mapping[str, Any]], int | None], str] = (
        lambda incident, log, now, receipts, version: ""
    )
    """(incident, its log, now, its receipts, a version or None for the newest) -> its text. Raises LookupError."""
    document: Callable[[Incident, Sequence[Event], datetime, Sequence[Mapping[str, Any]]], Document | None] = (
        lambda incident, log, now, receipts: None
    )
    """(incident, its whole log, now, its receipts) -> the page that is kept of it; None: none is."""
    terms: ReviewTargets = field(default_factory=ReviewTargets)
    """What figures are held against."""
    monthly: tuple[str, bool] | None = None
    """The channel that the monthly review goes to, and whether it becomes a page too; None: it is not told."""
    kept_for: timedelta = timedelta(days=400)
    """How long an incident is kept in the store after its last change."""
    archive: str | None = None
    """The folder that incidents go to then; None: they are let go."""
    maintenance: tuple[Window, ...] = ()
    """Every maintenance window that may hold alerts."""
    edition: str = ""
    """The hash of the configuration."""
    components: tuple[tuple[Matcher, ...], ...] = ()
    """What each component of the status page is known by; none: services are not looked up there."""
    notes: tuple[str, ...] = field(default=())
    watchdogs_by: tuple[str, ...] = ()
    """Labels that tell one Watchdog from another."""
    silent_after: timedelta | None = None
    """How long the Watchdog may be silent; None: it is not watched."""
    silence_is: Severity = Severity.SEV2
    """The severity of its silence."""
    checks: tuple[CheckAsked, ...] = ()
    """What must hold while an incident is watched."""
    prometheus: str | None = None
    """Where queries are asked; None: nowhere."""
    reconcile: ReconcileTimes | None = None
    """How they are asked; None: not at all."""
    history: tuple[timedelta, int] | None = None
    """How long and how much of what came in is kept, in bytes; None: nothing."""
    alertmanagers: tuple[Address, ...] = ()
    """Those that are asked what is true there: members of one cluster, or several."""

    dead_man: tuple[str, str, timedelta] | None = None
    """Channel and topic of the dead man's switch, and how long after the last beat it calls; None: there is none."""
    hooks: str | None = None
    """Address below which answers from phones are taken; None without `service.public_url`."""

    def beats(self, labels: Mapping[str, str]) -> bool:
        """Return whether an alert of these labels is the Watchdog."""
        return bool(self.watchdog) and all(matcher.matches(labels) for matcher in self.watchdog)

    def alarms(self, labels: Mapping[str, str]) -> bool:
        """Return whether an alert of these labels may open an incident: the Watchdog and InfoInhibitor never do."""
        return not self.beats(labels) and not is_no_alarm(labels)

    @property
    def lanes(self) -> tuple[str, ...]:
        """The lanes of due work, the urgent ones first."""
        return (*(f"{name}!" for name in self.channels), *self.channels)

    @property
    def lease_ms(self) -> int:
        """The lease in milliseconds."""
        return round(self.lease.total_seconds() * 1000)
