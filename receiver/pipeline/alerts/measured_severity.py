"""After an incident is written, queries Prometheus for measurements that its alerts do not contain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

import structlog

from receiver.incident.alerts.measured_severity import on_measured
from receiver.incident.timers import MEASURE, measure_due
from receiver.metrics import Metrics
from receiver.model.alert.alert import Alert, AlertStatus
from receiver.model.base import from_ms, to_ms
from receiver.model.incident.alert_record import AlertRecord
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.event_metrics import count_events
from receiver.pipeline.intake.intake import Intake
from receiver.sources.http_client import SourceClient, SourceError
from receiver.sources.prometheus import Prometheus
from receiver.store.incidents.commit_request import StaleVersion
from receiver.store.incidents.incident_store import IncidentStore
from receiver.triage.measurements.units import Unit

FRESH = timedelta(seconds=15)
"""How long a result is reused: about one scrape interval."""
EVERY = timedelta(seconds=60)
"""Time between two measurements of an open incident, so that its severity rises if the problem gets worse."""
REMEMBERED = timedelta(minutes=5)
"""How long a result applies to later notifications."""
ALERTS = 50
"""Maximum number of alerts of one incident that are measured, the worst and oldest first."""
QUERIES = 20
"""Maximum number of different queries for one incident at a time."""
KEPT = 1000
"""Maximum number of results in memory."""

log = structlog.get_logger("receiver.measure")


class SeverityMeasurement:
    """The timer of incidents whose alerts have queried measurements."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        incidents: IncidentStore,
        intake: Intake,
        source_client: SourceClient,
        metrics: Metrics,
    ) -> None:
        """Create it without results."""
        self.setting = setting
        self.incidents = incidents
        self.intake = intake
        self.source_client = source_client
        self.metrics = metrics
        self._known: dict[str, tuple[datetime, float | str]] = {}
        self._under_way: dict[str, asyncio.Task[float | str]] = {}

    async def on_timer(self, uid: str, now: datetime) -> None:
        """Run the queries for the incident `uid`, and write changes. Raises StoreAway."""
        member, setting = f"{uid} {MEASURE}", self.setting()
        incident = await self.incidents.incident(uid)
        if incident is None or measure_due(incident, setting.policy.of(incident)) is None:
            await self.intake.due.drop_timer(member)
            return
        records = await self.incidents.records(uid)
        alerts = _alerts(records, await self.incidents.bodies(uid))
        asked = await self.answers(alerts, setting, now)
        if asked:
            examined = setting.rules.examine(alerts, asked, partial=bool(incident.partial))
            decided = {alert.fingerprint: one.decision for alert, one in zip(alerts, examined, strict=True)}
            pairs = [pair for answers in asked.values() for pair in answers.items()]
            failed = {f"{name}: {answer}" for name, answer in pairs if isinstance(answer, str)}
            labels = [alert.labels for alert in alerts if alert.firing]
            verdict = on_measured(incident, records, decided, sorted(failed), setting.policy.of(incident), now, labels)
            if verdict is not None:
                try:
                    done = await self.intake.writer.commit(verdict, setting, now)
                except StaleVersion:
                    return  # the incident was changed meanwhile: retried when the lease has expired
                if done.incident is not None:
                    count_events(self.metrics, done.incident, verdict.events)
                    log.info("severity_measured", incident=done.incident.id, severity=done.incident.severity)
        await self.intake.due.later(member, to_ms(now + EVERY))

    def known(self, alerts: Iterable[Alert], now: datetime) -> dict[str, dict[str, float | str]]:
        """Return recent results for `alerts`, so that a repeated notification does not lower the severity again."""
        setting = self.setting()
        if setting.prometheus is None or not self._known or not setting.rules.asks:
            return {}
        units = {name: item.unit for name, item in setting.rules.settings.measurements.items()}
        found: dict[str, dict[str, float | str]] = {}
        for alert in alerts:
            for name, query in setting.rules.questions(alert).items():
                answer = self._known.get(query)
                if answer is not None and now - answer[0] < REMEMBERED and not isinstance(answer[1], str):
                    found.setdefault(alert.fingerprint, {})[name] = _fit(answer[1], units[name])
        return found

    async def answers(
        self, alerts: Iterable[Alert], setting: ActiveConfig, now: datetime
    ) -> dict[str, dict[str, float | str]]:
        """Return the results by fingerprint and measurement; a text is the reason for a failed query."""
        if setting.prometheus is None:
            return {}
        wanted: dict[str, dict[str, str]] = {}
        queries: dict[str, None] = {}
        for alert in alerts:
            for name, query in setting.rules.questions(alert).items():
                if query in queries or len(queries) < QUERIES:
                    queries[query] = None
                    wanted.setdefault(alert.fingerprint, {})[name] = query
        said = dict(
            zip(queries, await asyncio.gather(*(self._ask(q, setting.prometheus, now) for q in queries)), strict=True)
        )
        units = {name: item.unit for name, item in setting.rules.settings.measurements.items()}
        found: dict[str, dict[str, float | str]] = {}
        unknown = set()
        for fingerprint, names in wanted.items():
            for name, query in names.items():
                answer = found.setdefault(fingerprint, {})[name] = _fit(said[query], units[name])
                if isinstance(answer, str):
                    unknown.add(query)
        self.metrics.unknowns.labels("query").inc(len(unknown))
        return found

    async def _ask(self, query: str, url: str, now: datetime) -> float | str:
        known = self._known.get(query)
        if known is not None and abs(now - known[0]) < FRESH:
            return known[1]
        task = self._under_way.get(query)
        if task is None:
            task = self._under_way[query] = asyncio.create_task(self._fetch(query, url, now))
            task.add_done_callback(lambda _: self._under_way.pop(query, None))
        # Several incidents may wait for one result: canceling one of them does not cancel the query for the others.
        return await asyncio.shield(task)

    async def _fetch(self, query: str, url: str, now: datetime) -> float | str:
        try:
            said: float | str = (await Prometheus(self.source_client, url).query(query, now)).value
        except SourceError as error:
            said = str(error)
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known[query] = (now, said)
        return said


def _fit(said: float | str, unit: Unit) -> float | str:
    if isinstance(said, str):
        return said
    if said < 0:
        return f"{said:g} is negative"
    if unit is not Unit.SECONDS and said == float("inf"):
        return "the query returned infinity"
    if unit is Unit.RATIO and said > 1:
        return f"{said:g} is above 1: the query must return a ratio"
    return said


def _alerts(records: Mapping[str, AlertRecord], bodies: Mapping[str, Mapping[str, object]]) -> list[Alert]:
    firing = sorted(
        (record for record in records.values() if record.firing and record.fingerprint in bodies),
        key=lambda record: (record.severity.rank, record.starts_ms, record.fingerprint),
    )
    return [
        Alert.model_validate(
            {
                "status": AlertStatus.FIRING,
                "labels": bodies[record.fingerprint].get("labels", {}),
                "annotations": bodies[record.fingerprint].get("annotations", {}),
                "startsAt": from_ms(record.starts_ms),
                "fingerprint": record.fingerprint,
            }
        )
        for record in firing[:ALERTS]
    ]
