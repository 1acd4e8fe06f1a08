"""Settings of incoming alerts: the Watchdog, storms, reconciliation, and the notification history."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from receiver.config.settings.addresses import WithoutEmpty
from receiver.config.settings.alertmanager_address import AlertmanagerEntry
from receiver.model.setting_values import Duration, PositiveDuration, Size
from receiver.model.settings_base import Settings
from receiver.model.severity import Severity
from receiver.triage.matchers import MatcherText


class Watchdog(Settings):
    """The dead man's switch: an alert that always fires, whose silence is the alarm."""

    matchers: tuple[MatcherText, ...] = Field(default=('alertname="Watchdog"',), min_length=1)
    """Matchers of the Watchdog alert; all must match."""
    group_by: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Labels that identify each Watchdog, such as [cluster]: each is expected separately; none: one is enough."""
    silent_after: PositiveDuration = timedelta(minutes=5)
    """How long it may be absent."""
    severity: Severity = Severity.SEV2
    """Severity of the incident that its absence opens."""


class Storm(Settings):
    """When too much happens at once."""

    incidents: int = Field(20, ge=1)
    """More than this many ..."""
    within: PositiveDuration = timedelta(minutes=1)
    """... opened within this time: later ones join one storm incident, which pages once."""


class Reconcile(Settings):
    """How Alertmanager is asked what is true there."""

    every: PositiveDuration = timedelta(seconds=30)
    """Interval."""
    forgotten_after: PositiveDuration = timedelta(minutes=10)
    """An alert that it has not known for this long has ended; longer than a restart of Alertmanager takes."""
    unheard_after: PositiveDuration = timedelta(minutes=6)
    """An alert that has fired there for this long without a notification opens one; longer than group_interval."""


class History(Settings):
    """Notifications that are kept, so that new rules can be tried on them."""

    keep: Duration = timedelta(days=30)
    """How long they are kept; 0s: none are."""
    size: Size = 64 * 1024 * 1024
    """Maximum size in the store, compressed; the oldest are deleted."""


class Ingest(Settings):
    """Incoming alerts."""

    alertmanagers: Annotated[tuple[AlertmanagerEntry, ...], WithoutEmpty] = ()
    """Alertmanagers to query and to silence alerts in; each an address, or an address with headers."""
    watchdog: Watchdog | None = Watchdog()
    """The dead man's switch, armed by its first notification; null: off."""
    reconcile: Reconcile = Reconcile()
    """How `alertmanagers` are queried."""
    storm: Storm = Storm()
    """When later incidents join one storm incident."""
    history: History = History()
    """Notifications kept for `receiver rules diff`."""
