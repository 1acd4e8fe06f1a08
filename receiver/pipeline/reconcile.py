"""Upstream truth: Alertmanager is asked what fires there, and what we hold is brought in line with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import structlog

from receiver.incident.upstream import ASKED_FIRST, forgotten, on_answer, standing
from receiver.incident.verdict import Outcome, Part, Verdict
from receiver.metrics import Metrics
from receiver.model.alert import Alert, AlertStatus, Notification
from receiver.model.base import from_ms
from receiver.model.incident import AlertRecord, Incident
from receiver.pipeline.intake import Intake
from receiver.pipeline.setting import Setting
from receiver.sources.alertmanager import Alertmanager, Group, Upstream
from receiver.sources.asking import Asking, SourceError
from receiver.store.incidents import Incidents, Stale

NAME = "reconcile"
SENDER = "reconciler"

log = structlog.get_logger("receiver.reconcile")


class Reconcile:
    """The timer that asks Alertmanager (`ingest.alertmanagers`, `ingest.reconcile`)."""

    def __init__(
        self, setting: Callable[[], Setting], incidents: Incidents, intake: Intake, asking: Asking, metrics: Metrics
    ) -> None:
        """One replica asks at a time; what it has seen once is looked at again before anything is opened."""
        self.setting = setting
        self.incidents = incidents
        self.intake = intake
        self.asking = asking
        self.metrics = metrics
        self._unheard: dict[str, datetime] = {}

    async def look(self, now: datetime) -> datetime | None:
        """Ask, write what differs, and return when to ask again; None where nobody is to be asked."""
        setting = self.setting()
        rhythm = setting.reconcile
        if not setting.alertmanagers or rhythm is None:
            return None
        upstream = Alertmanager(self.asking, setting.alertmanagers)
        try:
            alerts = await upstream.alerts()
            groups = await upstream.groups()
            started = await upstream.started_at()
        except SourceError as error:
            self.metrics.loop_errors.labels("reconcile").inc()
            log.warning("alertmanager_unheard", reason=error.reason, detail=str(error))
            return now + rhythm.every
        # What it does not know just after its start it may only not have heard of yet.
        settled = now - started >= rhythm.forgotten_after
        for incident in await self.incidents.listing(open_only=True, most=10_000):
            if incident.firing:
                await self._compare(incident, alerts, settled, setting, now)
        await self._open_unheard(groups, setting, now)
        return now + rhythm.every

    async def _compare(
        self, incident: Incident, alerts: Mapping[str, Upstream], settled: bool, setting: Setting, now: datetime
    ) -> None:
        records = await self.incidents.records(incident.uid)
        firing = {name for name, record in records.items() if record.firing}
        counts = standing(
            firing,
            {name for name in firing if name in alerts and alerts[name].silenced},
            {name for name in firing if name in alerts and alerts[name].inhibited},
            alerts.keys() if settled else firing,
        )
        assert setting.reconcile is not None  # noqa: S101  (look has seen to it)
        grace = setting.reconcile.forgotten_after
        draft = on_answer(incident, counts, setting.policy, grace, now)
        if draft.events:
            verdict = Verdict(Outcome.UPDATED, draft.events[-1].reason, draft.incident, draft.events)
            try:
                await self.intake.commit(verdict, setting, now)
            except Stale:
                return  # it has just been heard of: asked again next time
        if forgotten(draft.incident, grace, now) and incident.severity not in ASKED_FIRST:
            gone = [record for name, record in records.items() if record.firing and name not in alerts]
            await self.intake.decide(_ended(incident, gone, now), setting, now)
            log.warning("forgotten_upstream", incident=incident.id, alerts=len(gone))

    async def _open_unheard(self, groups: Iterable[Group], setting: Setting, now: datetime) -> None:
        assert setting.reconcile is not None  # noqa: S101
        ours = await self.incidents.receivers()
        seen: dict[str, datetime] = {}
        for group in groups:
            if group.receiver not in ours:
                continue
            fresh = [a for a in group.alerts if not (a.silenced or a.inhibited) and not setting.beats(a.labels)]
            owners = await self.incidents.owners([alert.fingerprint for alert in fresh])
            late = []
            for alert in fresh:
                if owners[alert.fingerprint] or now - alert.starts_at < setting.reconcile.unheard_after:
                    continue
                first = self._unheard.get(alert.fingerprint)
                seen[alert.fingerprint] = first or now
                if first is not None and first < now:
                    late.append(alert)
            if late:
                answer = await self.intake.accept(_notification(group, late), now)
                log.warning(
                    "never_reached_us", receiver=group.receiver, alerts=len(late), outcome=answer.foremost.outcome
                )
        self._unheard = seen


def _ended(incident: Incident, gone: Iterable[AlertRecord], now: datetime) -> Part:
    alerts = [
        Alert(
            status=AlertStatus.RESOLVED,
            labels={"alertname": record.name},
            starts_at=from_ms(record.starts_ms),
            ends_at=now,
            fingerprint=record.fingerprint,
        )
        for record in gone
    ]
    return Part(
        key=incident.key,
        group=f"{SENDER}:{incident.uid}",
        receiver=SENDER,
        truncated=0,
        alerts=alerts,
        decisions={},
        labels={},
        annotations={},
    )


def _notification(group: Group, alerts: Iterable[Upstream]) -> Notification:
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
