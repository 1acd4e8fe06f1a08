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
    """The dead man's switch: an alert that always fires; if it stops, an incident is opened."""

    matchers: tuple[MatcherText, ...] = Field(default=('alertname="Watchdog"',), min_length=1)
    """Matchers of the Watchdog alert; all must match."""
    group_by: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Labels that identify each Watchdog, such as [cluster]: each is expected separately; none: one is enough."""
    silent_after: PositiveDuration = timedelta(minutes=5)
    """How long it may be absent."""
    severity: Severity = Severity.SEV2
    """Severity of the incident that its absence opens."""


class Storm(Settings):
    """When later incidents join one storm incident."""

    incidents: int = Field(20, ge=1)
    """If more incidents than this are opened `within` the time below, later ones join one storm incident."""
    within: PositiveDuration = timedelta(minutes=1)
    """The period in which `incidents` are counted. A storm incident pages once."""


class Reconcile(Settings):
    """How Alertmanager is queried for its current alerts."""

    every: PositiveDuration = timedelta(seconds=30)
    """Interval."""
    forgotten_after: PositiveDuration = timedelta(minutes=10)
    """An alert that Alertmanager has not listed for this long is considered ended. Allow for a restart of
    Alertmanager."""
    unheard_after: PositiveDuration = timedelta(minutes=6)
    """An alert that has been firing in Alertmanager for this long without a notification opens an incident. Use more
    than group_interval."""


class History(Settings):
    """Notifications that are kept for trying new rules on them."""

    keep: Duration = timedelta(days=30)
    """How long they are kept; 0s: not at all."""
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
