"""Opens incidents for alerts that fire in Alertmanager and were never received, unless Alertmanager mutes them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from receiver.config.config_errors import ConfigError
from receiver.metrics import Metrics
from receiver.model.alert.alert import Alert, AlertStatus, Notification
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.supervision import run_step
from receiver.sources.alertmanager import Group, UpstreamState
from receiver.store.cooperative_loop import in_steps
from receiver.store.incidents.incident_store import IncidentStore

if TYPE_CHECKING:
    from receiver.config.alertmanager_file.muted_routes import MutedRoutes

NAME = "reconcile"
SENDER = "reconciler"
STEP = 20
"""Number of groups that are checked in one step of the event loop."""

log = structlog.get_logger("receiver.reconcile")


class UnheardAlerts:
    """Finds missing alerts; an alert must be missing in two checks before an incident is opened."""

    def __init__(self, incidents: IncidentStore, intake: Intake, metrics: Metrics) -> None:
        """Create it before the first check."""
        self.incidents = incidents
        self.intake = intake
        self.metrics = metrics
        self._seen: dict[str, datetime] = {}
        self._held: dict[str, datetime] = {}
        """When an alert was last muted, by fingerprint: from then on, Alertmanager has some time to send it."""
        self._files: dict[str, tuple[str, MutedRoutes | None]] = {}
        """The parsed configuration of each Alertmanager, by URL, so that it is parsed once."""

    def forget(self) -> None:
        """Forget since when alerts are missing, because those times are from a wrong clock."""
        self._seen, self._held = {}, {}

    async def open(
        self, groups: Sequence[Group], files: Mapping[str, str], setting: ActiveConfig, grace: timedelta, now: datetime
    ) -> None:
        """Open incidents for alerts that have fired for `grace` and are neither known here nor muted in Alertmanager.

        `files`: the configuration of each Alertmanager that exposes it, by URL. The grace period of an alert starts
        when it begins to fire, or when it was last muted. Raises StoreAway.
        """
        ours = await self.intake.known_receivers.receivers.names()
        asked = [group for group in groups if group.receiver in ours]
        await self._read({group.url: files[group.url] for group in asked if group.url in files})
        free: list[tuple[Group, list[UpstreamState]]] = []
        held: set[str] = set()
        async for group in in_steps(asked, STEP):
            alarms = [alert for alert in group.alerts if setting.alarms(alert.labels)]
            loud = [alert for alert in alarms if not self._held_back(group, alert, now)]
            held.update({alert.fingerprint for alert in alarms} - {alert.fingerprint for alert in loud})
            free.append((group, loud))
        loud_ones = {alert.fingerprint for _, alerts in free for alert in alerts}
        lately = {name: at for name, at in self._held.items() if name in loud_ones and now - at < grace}
        # An alert that at least one Alertmanager does not mute is not muted.
        self._held = lately | dict.fromkeys(held - loud_ones, now)
        seen: dict[str, datetime] = {}
        for group, alerts in free:
            late = await self._late(alerts, grace, seen, now)
            if late:
                await run_step(NAME, partial(self._open, group, late, now), self.metrics, self.intake.due.probe)
        self._seen = seen

    def _held_back(self, group: Group, alert: UpstreamState, now: datetime) -> bool:
        if alert.held:
            return True
        _, routes = self._files.get(group.url, ("", None))
        return routes is not None and routes.holds_back(group.receiver, group.labels, alert.labels, now)

    async def _late(
        self, alerts: Sequence[UpstreamState], grace: timedelta, seen: dict[str, datetime], now: datetime
    ) -> list[UpstreamState]:
        owners = await self.incidents.owners([alert.fingerprint for alert in alerts])
        late = []
        for alert in alerts:
            since = max(alert.starts_at, self._held.get(alert.fingerprint, alert.starts_at))
            if owners[alert.fingerprint] or now - since < grace:
                continue
            first = self._seen.get(alert.fingerprint)
            seen[alert.fingerprint] = first or now
            if first is not None and first < now:
                late.append(alert)
        return late

    async def _read(self, files: Mapping[str, str]) -> None:
        known, self._files = self._files, {}
        for url, text in files.items():
            if url in known and known[url][0] == text:
                self._files[url] = known[url]
                continue
            try:
                routes = await asyncio.to_thread(_muted_routes, text)
            except ConfigError as error:
                # Alertmanager has accepted this configuration, so the error is ours: routes that may be muted count as
                # not muted.
                log.warning("alertmanager_config_read_failed", detail=str(error)[:200])
                routes = None
            self._files[url] = text, routes
            for wrong in routes.unread if routes else ():
                log.warning("alertmanager_config_read_failed", detail=f"{wrong}; its routes count as muted")

    async def _open(self, group: Group, late: Sequence[UpstreamState], now: datetime) -> None:
        answer = await self.intake.accept(_notification(group, late), now)
        log.warning(
            "missed_alerts_detected", receiver=group.receiver, alerts=len(late), outcome=answer.foremost.outcome
        )


def _notification(group: Group, alerts: Iterable[UpstreamState]) -> Notification:
    made = [
        Alert(
            status=AlertStatus.FIRING,
            labels=dict(alert.labels),
            annotations=dict(alert.annotations),
            starts_at=alert.starts_at,
            generator_url=alert.generator_url,
            fingerprint=alert.fingerprint,
        )
        for alert in alerts
    ]
    first = made[0].labels
    common = {n: v for n, v in first.items() if all(alert.labels.get(n) == v for alert in made)}
    return Notification(
        version="4",
        group_key=f"{SENDER}:{group.receiver}:{sorted(group.labels.items())}",
        receiver=group.receiver,
        status=AlertStatus.FIRING,
        alerts=tuple(made),
        group_labels=dict(group.labels),
        common_labels=common,
    )


def _muted_routes(text: str) -> MutedRoutes | None:
    # Loaded with the first configuration that an Alertmanager exposes.
    from receiver.config.alertmanager_file.muted_routes import muted_routes  # noqa: PLC0415

    return muted_routes(text)
