"""The graph of an alert's expression: read from Prometheus when an incident opens and when it ends, kept in its log.

Only the configured Prometheus is queried, and only for expressions of its own rules: the text of an alert selects a
rule, and is never used as an address or a query. Nothing waits for this.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from receiver.clock import Clock
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.context.expression_pictures import ExpressionPictures
from receiver.pipeline.intake.intake import Intake
from receiver.review.expression.graph import POINTS, ExpressionGraph, graph_data, graph_of, wants_graph, window
from receiver.review.expression.rule import Compared, compared, rule_of
from receiver.sources.http_client import SourceClient, SourceError
from receiver.sources.prometheus import Prometheus, Series
from receiver.store.client.connection import IncidentUnreadable, StoreAway
from receiver.store.incidents.commit_request import CommitRequest, StaleVersion
from receiver.store.incidents.incident_store import IncidentStore

NAME = "expressions"
EVERY = 1.0
"""Seconds between two checks for incidents that have opened or ended."""
WAITING = 100
"""Maximum number of waiting incidents; in a storm, the newest of them."""
MOST = 6
"""Maximum number of graphs in the log of one incident, in case it opens and ends again and again."""
TRIES = 3
NAMES = 3
"""Maximum number of alert names of one incident for which a rule is searched, most severe first."""
FRESH = timedelta(minutes=1)
"""Age of a displayed graph after which a newer one is requested."""

log = structlog.get_logger("receiver.expressions")


class ExpressionGraphs:
    """The queries of one replica for incidents that it opens and ends, and for those that people view."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        incidents: IncidentStore,
        intake: Intake,
        source_client: SourceClient,
        pictures: ExpressionPictures,
        clock: Clock,
    ) -> None:
        """`pictures` accepts the graphs for chat. Nothing waits yet."""
        self.setting = setting
        self.incidents = incidents
        self.intake = intake
        self.source_client = source_client
        self.pictures = pictures
        self.clock = clock
        self._changed: deque[str] = deque(maxlen=WAITING)
        self._live: dict[str, ExpressionGraph] = {}
        """Newer graphs of incidents that people view, by uid; the oldest is dropped first."""
        self._viewed: deque[str] = deque(maxlen=WAITING)
        self._refreshed: dict[str, datetime] = {}
        """When a newer graph was last requested."""

    def committed(self, change: CommitRequest, args: Sequence[Any], number: str, version: int) -> None:
        """Remember an incident that this replica has just opened, or whose end it wrote (IncidentStore.committed)."""
        incident = change.incident
        if incident is None or incident.held is not None or incident.drill or self.setting().prometheus is None:
            return
        ended = any(event.kind is Kind.RESOLVED for event in change.events)
        if (version == 1 or ended) and incident.uid not in self._changed:
            self._changed.append(incident.uid)

    async def run(self) -> None:
        """Query and show graphs until canceled; a failed query is not repeated."""
        while True:
            try:
                await self.run_once()
            except StoreAway as away:
                log.debug("expressions_postponed", reason=str(away))
            await asyncio.sleep(EVERY)

    async def run_once(self) -> None:
        """Query for every waiting incident, and show the images whose message exists. Raises StoreAway."""
        # Each response may take seconds, so the time is read again for the next incident.
        while self._changed:
            await self._look(self._changed.popleft(), self.clock.now())
        await self.pictures.show(self.clock.now())
        while self._viewed:
            await self._refresh(self._viewed.popleft(), self.clock.now())

    def newest(self, incident: Incident, logged: ExpressionGraph | None, now: datetime) -> ExpressionGraph | None:
        """Return the newest known graph at once; if it is old, a newer one is requested.

        `logged`: the one in the log. Without it there is none: the rule is unknown, or a person has hidden the entry.
        """
        if logged is None or incident.state.over:
            return logged
        known = self._live.get(incident.uid)
        graph = known if known is not None and known.ends > logged.ends else logged
        before = self._refreshed.get(incident.uid)
        if now - graph.ends > FRESH and (before is None or now - before > FRESH):
            if len(self._refreshed) >= WAITING:
                self._refreshed.clear()
            self._refreshed[incident.uid] = now
            self._viewed.append(incident.uid)
        return graph

    async def _look(self, uid: str, now: datetime) -> None:
        try:
            incident = await self.incidents.incident(uid)
            if incident is None or self.setting().prometheus is None:
                return
            if not wants_graph(await self.incidents.events(uid), MOST):
                return
            graph = await self._asked(incident, now)
            if graph is None:
                return
            for _ in range(TRIES):
                if await self._written(uid, graph):
                    break
        except IncidentUnreadable:
            return
        self.pictures.add(incident, graph, now)

    async def _asked(self, incident: Incident, now: datetime) -> ExpressionGraph | None:
        records, bodies = await self.incidents.records(incident.uid), await self.incidents.bodies(incident.uid)
        prometheus = Prometheus(self.source_client, self.setting().prometheus or "")
        tried: set[str] = set()
        for record in _worst(records):
            body = bodies.get(record.fingerprint, {})
            labels: Mapping[str, str] = body.get("labels", {})
            name = labels.get("alertname", "")
            if not name or name in tried:
                continue
            if len(tried) == NAMES:
                break
            tried.add(name)
            try:
                rule = rule_of(await prometheus.rules_of(name), labels, str(body.get("generator_url", "")))
                if rule is not None:
                    return await self._series(prometheus, incident, name, labels, rule.query, now)
            except SourceError as error:
                log.info("expression_query_failed", incident=incident.id, reason=error.reason)
                return None
        return None

    async def _series(
        self,
        prometheus: Prometheus,
        incident: Incident,
        name: str,
        labels: Mapping[str, str],
        query: str,
        now: datetime,
    ) -> ExpressionGraph | None:
        begins, ends = window(incident, now)
        step = (ends - begins).total_seconds() / POINTS
        measured = compared(query)
        try:
            found: Sequence[Series] = await prometheus.query_range(measured.query, begins, ends, step)
        except SourceError as error:
            if error.reason != "bad_answer" or measured.query == query:
                raise
            # Too many series: only those beyond the threshold.
            measured = Compared(query, measured.sign, measured.threshold)
            found = await prometheus.query_range(query, begins, ends, step)
        return graph_of(name, labels, measured, found, begins, step)

    async def _written(self, uid: str, graph: ExpressionGraph) -> bool:
        incident, setting = await self.incidents.incident(uid), self.setting()
        # During the query, a person may have hidden an earlier one.
        if incident is None or not wants_graph(await self.incidents.events(uid), MOST):
            return True
        now = self.clock.now()
        draft = Transition(incident, Actor(kind=ActorKind.TIMER, name=NAME), now)
        draft.add(Kind.EXPRESSION_READ, "asked", graph.text, graph_data(graph))
        try:
            await self.intake.writer.commit(
                IntakeDecision(Outcome.UPDATED, "asked", draft.incident, draft.events), setting, now
            )
        except StaleVersion:
            return False
        return True

    async def _refresh(self, uid: str, now: datetime) -> None:
        incident = await self.incidents.incident(uid)
        if incident is None or incident.state.over or self.setting().prometheus is None:
            return
        graph = await self._asked(incident, now)
        if graph is not None:
            self._live[uid] = graph
            if len(self._live) > WAITING:
                del self._live[next(iter(self._live))]


def _worst(records: Mapping[str, AlertRecord]) -> list[AlertRecord]:
    return sorted(records.values(), key=lambda one: (not one.firing, one.severity.rank, one.starts_ms, one.fingerprint))
