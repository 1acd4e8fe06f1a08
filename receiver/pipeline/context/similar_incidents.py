"""Similar incidents: updates the index, searches it, and records the results for each new incident once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from receiver.clock import Clock
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.model.base import to_ms
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.similar_record import FINGERPRINTS, SimilarRecord, similar_record
from receiver.model.incident.visibility import Guarded
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.intake import Intake
from receiver.review.similar_incidents_text import seen_before_text
from receiver.review.similarity import MOST, Frequencies, similar
from receiver.store.client.connection import IncidentUnreadable, StoreAway
from receiver.store.cooperative_loop import in_steps
from receiver.store.incidents.commit_request import CommitRequest, StaleVersion
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.incidents.similar_index import Candidates, Changed, SimilarIndex, alert_term

NAME = "similar"
EVERY = 1.0
"""Seconds between two checks for changes."""
PAUSE = 0.25
"""Seconds between two batches while there are more: a history of 100,000 incidents takes five minutes."""
TURN_MS = 3000
"""For how long one replica indexes and the others wait, in milliseconds: longer than until its next check."""
PARSED = 10
"""Number of incidents that are compared or read in one step of the loop."""
RANKED = 2 * MOST
"""Maximum number of incidents whose newest state is read, because some may have become private since."""
WAITING = 100
"""Maximum number of new incidents that wait for a look-up; in a storm, the newest of them."""
TOGETHER = 10
"""Number of new incidents that are looked up in one round trip."""
TRIES = 3
DAY_MS, MONTH_MS = 24 * 3600 * 1000, 30 * 24 * 3600 * 1000

log = structlog.get_logger("receiver.similar")


@dataclass(frozen=True)
class SimilarIncident:
    """A past incident in its current state, and the reason why it is similar."""

    incident: Incident
    score: float
    why: str


@dataclass(frozen=True)
class _Opened:
    incident: Incident
    records: Mapping[str, AlertRecord] | None
    """None if there are too many to keep until the look-up; they are read then."""


class SeenBefore:
    """One replica's work for similar incidents. No page waits for this work."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        index: SimilarIndex,
        incidents: IncidentStore,
        intake: Intake,
        clock: Clock,
    ) -> None:
        """Create it without waiting incidents."""
        self.setting = setting
        self.index = index
        self.incidents = incidents
        self.intake = intake
        self.clock = clock
        self._opened: deque[_Opened] = deque(maxlen=WAITING)

    async def run(self) -> None:
        """Index and look up until canceled; if the store is unavailable, retry."""
        while True:
            more = False
            try:
                more = await self.index_changes(self.clock.now())
                await self.tell(self.clock.now())
            except StoreAway as away:
                log.debug("similar_search_postponed", reason=str(away))
            await asyncio.sleep(PAUSE if more else EVERY)

    def opened(self, change: CommitRequest, args: Sequence[Any], number: str, version: int) -> None:
        """Remember that this replica has just opened an incident, to be looked up soon (IncidentStore.committed)."""
        incident = change.incident
        if incident is not None and version == 1 and incident.held is None:
            # The written data is kept, because reading and parsing it again took as long as the look-up itself.
            records = change.records if len(change.records) <= FINGERPRINTS else None
            self._opened.append(_Opened(incident, records))

    async def index_changes(self, now: datetime) -> bool:
        """Index at most 100 incidents that have changed; return whether there are more. Raises StoreAway."""
        found = await self.index.unindexed(TURN_MS)
        if found is None:
            return False
        upto, changed, more = found
        if changed:
            items = [_item(one) async for one in in_steps(changed, PARSED)]
            await self.index.write(upto, items, self.incidents.history_s, to_ms(now))
        return more

    async def tell(self, now: datetime) -> None:
        """Record incidents that are similar to newly opened ones, if there are any. Raises StoreAway."""
        while self._opened:
            batch = [self._opened.popleft() for _ in range(min(len(self._opened), TOGETHER))]
            try:
                found = await asyncio.gather(*(self._look_up(one) for one in batch))
            except StoreAway:
                self._opened = deque([*batch, *self._opened], WAITING)
                raise
            if not any(candidates.total for _, candidates in found):
                # No incident has ended yet: the others would not find any either.
                self._opened.clear()
                return
            for done, (one, (record, candidates)) in enumerate(zip(batch, found, strict=True)):
                try:
                    similar_ones = await self._compared(record, candidates, lambda past: not past.private)
                    if similar_ones:
                        await self._write_down(one.incident.uid, similar_ones, now)
                except StoreAway:
                    # The current one may have been recorded: it is not looked up again.
                    self._opened = deque([*batch[done + 1 :], *self._opened], WAITING)
                    raise

    async def _look_up(self, opened: _Opened) -> tuple[SimilarRecord, Candidates]:
        records = opened.records
        if records is None:
            records = await self.incidents.records(opened.incident.uid)
        record = similar_record(opened.incident, records)
        return record, await self.index.find(record)

    async def _write_down(self, uid: str, found: Sequence[SimilarIncident], now: datetime) -> None:
        for _ in range(TRIES):
            try:
                incident = await self.incidents.incident(uid)
            except IncidentUnreadable:
                return
            if incident is None or incident.state.over:
                return
            setting = self.setting()
            draft = Transition(incident, Actor(kind=ActorKind.TIMER, name=NAME), now)
            lines = [{"id": one.incident.id, "why": one.why, "url": setting.url(one.incident) or ""} for one in found]
            to = setting.policy.of(incident).informs
            draft.add(Kind.SEEN_BEFORE, "similar", seen_before_text(lines), {"similar": lines}, to)
            verdict = IntakeDecision(Outcome.UPDATED, "similar", draft.incident, draft.events)
            with suppress(StaleVersion):
                await self.intake.writer.commit(verdict, setting, now)
                return

    async def similar_to(self, incident: Incident, sees: Callable[[Guarded], bool]) -> list[SimilarIncident]:
        """Return at most five past incidents similar to `incident` that `sees` allows. Raises StoreAway."""
        record = similar_record(incident, await self.incidents.records(incident.uid))
        return await self._compared(record, await self.index.find(record), sees)

    async def _compared(
        self, record: SimilarRecord, found: Candidates, sees: Callable[[Guarded], bool]
    ) -> list[SimilarIncident]:
        if not found.records:
            return []
        known = Frequencies(found.total, found.pairs, found.words)
        ranked = similar(record, [one for one in found.records if sees(one)], known, RANKED)
        # The index is a moment old: the incident itself decides who may see it.
        now = {one.uid: one for one in await self.incidents.many([past.uid for past, _, _ in ranked]) if sees(one)}
        shown = [SimilarIncident(now[past.uid], score, why) for past, score, why in ranked if past.uid in now]
        return [one for one in shown if one.incident.state.over][:MOST]

    async def fired(self, incident: Incident, teams: Collection[str] | None, now: datetime) -> tuple[int, int]:
        """Return how many incidents this alert has opened in 24 hours and in 30 days, including this one.

        `teams`: those that the reader is limited to, as in `Reports.monthly`; private incidents of others do not count.
        Raises StoreAway.
        """
        name = incident.labels.get("alertname") or next(iter(incident.names), "")
        month_ago, day_ago, opened = to_ms(now) - MONTH_MS, to_ms(now) - DAY_MS, to_ms(incident.opened_at)
        day, month = int(opened > day_ago), int(opened > month_ago)
        if not name:
            return day, month
        term = alert_term(name, incident.service or "")
        found = await self.index.fired(term, month_ago, day_ago, incident.uid)
        seen = [at for at, private in found.private if teams is not None and (not teams or _any_of(teams, private))]
        return day + found.day + sum(at > day_ago for at in seen), month + found.month + len(seen)


def _any_of(teams: Collection[str], private: Sequence[str]) -> bool:
    return not set(teams).isdisjoint(private)


def _item(changed: Changed) -> tuple[str, int, SimilarRecord | None, str]:
    past, incident = changed.past, changed.incident
    opened, drill, merged = past.get("opened"), past.get("drill"), past.get("merged")
    if not isinstance(opened, int):
        opened = to_ms(incident.opened_at) if incident is not None else 0
    name, service = past.get("alertname"), past.get("service")
    counted = isinstance(name, str) and bool(name) and opened > 0 and not drill and not merged
    fired = alert_term(str(name), str(service or "")) if counted else ""
    found = incident is not None and not incident.drill and not incident.merged
    record = similar_record(incident, changed.records) if incident is not None and found else None
    return changed.uid, opened, record, fired
