"""Queries Alertmanager for its firing alerts, and corrects incidents that differ."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from receiver.incident.alerts.alertmanager_alert_states import (
    ASKED_FIRST,
    gone_upstream,
    missing_since,
    on_alertmanager_answer,
    upstream_counts,
)
from receiver.incident.log.notification_outcome import IntakeDecision, NotificationPart, Outcome
from receiver.metrics import Metrics
from receiver.model.alert.alert import Alert, AlertStatus
from receiver.model.base import from_ms
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.incident import Incident
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.alerts.unreceived_alerts import SENDER, UnheardAlerts
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.intake.intake_answer import PartResult
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.supervision import run_step
from receiver.sources.alertmanager import Alertmanager, UpstreamAlert
from receiver.sources.http_client import SourceClient, SourceError
from receiver.store.cooperative_loop import in_steps
from receiver.store.incidents.commit_request import StaleVersion
from receiver.store.incidents.incident_store import IncidentStore

NAME = "reconcile"
PAGE = 50
"""Maximum number of incidents that are read at once."""
STEP = 100
"""Incidents that are compared in one step of the event loop: about 2 ms."""
GAP = 3
"""Number of checks that may be skipped (a busy store, another replica) before the time of missing alerts restarts."""

log = structlog.get_logger("receiver.reconcile")


@dataclass(frozen=True)
class _Compared:
    """An incident that matched Alertmanager's alerts at the last check."""

    version: int
    firing: tuple[tuple[str, datetime], ...]
    """Its firing alerts, and when each was last seen."""
    counts: Mapping[str, int]
    gone: Collection[str]
    """Alerts that Alertmanager no longer has, and that only people resolve."""


class AlertmanagerReconciliation:
    """The timer that queries Alertmanager (`ingest.alertmanagers`, `ingest.reconcile`)."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        cache: IncidentCache,
        incidents: IncidentStore,
        intake: Intake,
        source_client: SourceClient,
        metrics: Metrics,
    ) -> None:
        """One replica queries at a time; a difference must be seen twice before an incident is opened."""
        self.setting = setting
        self.cache = cache
        self.incidents = incidents
        self.intake = intake
        self.source_client = source_client
        self.metrics = metrics
        self.unheard = UnheardAlerts(incidents, intake, metrics)
        # By uid and fingerprint. This is not stored: another replica that takes over waits for the whole grace period
        # again, because it cannot know which alerts Alertmanager had in between.
        self._missed: dict[str, dict[str, datetime]] = {}
        self._looked: datetime | None = None
        self._compared: dict[str, _Compared] = {}

    def forget(self) -> None:
        """Forget since when alerts are missing, because those times are from a wrong clock."""
        self.unheard.forget()
        self._missed, self._looked = {}, None

    async def on_timer(self, now: datetime) -> datetime | None:
        """Query, write the differences, and return when to query again; None if no Alertmanager is configured."""
        setting = self.setting()
        rhythm = setting.reconcile
        if not setting.alertmanagers or rhythm is None:
            return None
        upstream = Alertmanager(self.source_client, setting.alertmanagers)
        # Another replica may have checked meanwhile, or none: alerts that were missing may have been present since.
        before = self._missed if self._looked and now - self._looked <= GAP * rhythm.every else {}
        self._missed, self._looked = {}, now
        try:
            upstream_now = await upstream.standing()
            groups = await upstream.groups()
        except SourceError as error:
            self._unanswered(error.reason, str(error))
            return now + rhythm.every
        if upstream_now.silent:
            self._unanswered("some_silent", "; ".join(upstream_now.silent))
        # Right after its start, Alertmanager may not have received all alerts yet.
        certain = not upstream_now.silent and now - upstream_now.started >= rhythm.forgotten_after
        changed = await self._differing(upstream_now, before if certain else None, setting, now)
        for first in range(0, len(changed), PAGE):
            found = await self.incidents.many(changed[first : first + PAGE])
            records = await self.incidents.records_of([incident.uid for incident in found])
            for incident, known in zip(found, records, strict=True):
                mine = before.get(incident.uid, {}) if certain else None
                compare = partial(self._compare, incident, known, upstream_now, mine, setting, now)
                # An incident that cannot be corrected delays neither the others nor alerts that were never received.
                await run_step(NAME, compare, self.metrics, self.intake.due.probe)
        await self.unheard.open(groups, upstream_now.files, setting, rhythm.unheard_after, now)
        return now + rhythm.every

    async def check(self, uids: Collection[str], now: datetime) -> bool:
        """End alerts of incidents that Alertmanager does not have; return whether it answered.

        This is for incidents of a store that may be an old copy, because their alerts may have ended since. Nothing is
        ended if an Alertmanager does not answer or has just started.
        """
        setting = self.setting()
        rhythm = setting.reconcile
        if not setting.alertmanagers or rhythm is None:
            return True
        try:
            upstream = await Alertmanager(self.source_client, setting.alertmanagers).standing()
        except SourceError as error:
            self._unanswered(error.reason, str(error))
            return False
        if upstream.silent or now - upstream.started < rhythm.forgotten_after:
            return not upstream.silent
        asked = sorted(uids)
        for first in range(0, len(asked), PAGE):
            found = await self.incidents.many(asked[first : first + PAGE])
            records = await self.incidents.records_of([incident.uid for incident in found])
            for incident, known in zip(found, records, strict=True):
                gone = [one for name, one in sorted(known.items()) if one.firing and name not in upstream.alerts]
                if gone:
                    end = partial(self.intake.decisions.decide_ended, _ended(incident, gone, now), setting, now)
                    await run_step(NAME, partial(_do, end), self.metrics, self.intake.due.probe)
                    log.warning("stale_alerts_ended", incident=incident.id, alerts=len(gone))
        return True

    def _unanswered(self, reason: str, detail: str) -> None:
        self.metrics.loop_errors.labels("reconcile").inc()
        log.warning("alertmanager_poll_failed", reason=reason, detail=detail)

    async def _differing(
        self,
        upstream: UpstreamAlert,
        before: Mapping[str, Mapping[str, datetime]] | None,
        setting: ActiveConfig,
        now: datetime,
    ) -> list[str]:
        # Uids of incidents that have changed since they matched Alertmanager, or no longer match. Unchanged incidents
        # are not read again.
        assert setting.reconcile is not None  # noqa: S101  (look has seen to it)
        compared, self._compared, changed = self._compared, {}, []
        async for one in in_steps(self.cache.open(), STEP):
            if not one.firing:
                continue
            known = compared.get(one.uid)
            if known is not None and known.version == one.version:
                mine = before.get(one.uid, {}) if before is not None else None
                since, counts = _answer(dict(known.firing), known.counts, upstream, mine, now)
                if (
                    counts == known.counts
                    and gone_upstream(since, setting.reconcile.forgotten_after, now) == known.gone
                ):
                    self._compared[one.uid] = known
                    if since:
                        self._missed[one.uid] = since
                    continue
            changed.append(one.uid)
        return changed

    async def _compare(
        self,
        incident: Incident,
        records: Mapping[str, AlertRecord],
        upstream: UpstreamAlert,
        before: Mapping[str, datetime] | None,
        setting: ActiveConfig,
        now: datetime,
    ) -> None:
        # `before`: alerts that were missing at the previous check; None if a missing alert means nothing now.
        assert setting.reconcile is not None  # noqa: S101  (look has seen to it)
        grace = setting.reconcile.forgotten_after
        firing = {name: from_ms(record.seen_ms) for name, record in records.items() if record.firing}
        since, counts = _answer(firing, incident.upstream, upstream, before, now)
        if since:
            self._missed[incident.uid] = since
        gone = gone_upstream(since, grace, now)
        draft = on_alertmanager_answer(incident, counts, gone, setting.policy.of(incident), grace, now)
        ends = bool(gone) and incident.severity not in ASKED_FIRST
        if not draft.events and not ends:
            self._compared[incident.uid] = _Compared(incident.version, tuple(firing.items()), counts, gone)
        if draft.events:
            verdict = IntakeDecision(Outcome.UPDATED, draft.events[-1].reason, draft.incident, draft.events)
            try:
                await self.intake.writer.commit(verdict, setting, now)
            except StaleVersion:
                return  # it was just received: checked again next time
        if ends:
            ended = _ended(incident, [records[name] for name in sorted(gone)], now)
            await self.intake.decisions.decide_ended(ended, setting, now)
            log.warning("missing_alerts_ended", incident=incident.id, alerts=len(gone))


async def _do(act: Callable[[], Awaitable[PartResult]]) -> None:
    await act()


def _answer(
    firing: Mapping[str, datetime],
    shown: Mapping[str, int],
    upstream: UpstreamAlert,
    before: Mapping[str, datetime] | None,
    now: datetime,
) -> tuple[dict[str, datetime], dict[str, int]]:
    # Since when each alert is missing in Alertmanager, and how many are muted or unknown there. `shown`: previous
    # counts.
    alerts = upstream.alerts
    if before is None:
        since: dict[str, datetime] = {}
        unknown = min(shown.get("unknown", 0), sum(name not in alerts for name in firing))
    else:
        since = missing_since(before, firing, alerts.keys(), now)
        unknown = len(since)
    silenced = {name for name in firing if name in alerts and alerts[name].silenced}
    inhibited = {name for name in firing if name in alerts and alerts[name].inhibited}
    return since, upstream_counts(firing, silenced, inhibited, unknown)


def _ended(incident: Incident, gone: Iterable[AlertRecord], now: datetime) -> NotificationPart:
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
    return NotificationPart(
        key=incident.key,
        group=f"{SENDER}:{incident.uid}",
        receiver=SENDER,
        truncated=0,
        alerts=alerts,
        decisions={},
        labels={},
        annotations={},
    )
