"""Recovery of a store that has lost data: every replica notices, restores its copies, and one message reports it.

Until that is finished, no replica claims due work (key `memory`, read with every beat), so that an older store's state
does not page people for incidents that have ended or are acknowledged. docs/adr/0013.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from receiver.clock import Clock
from receiver.metrics import Metrics
from receiver.model.base import to_ms
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.open_incidents.incident_copies import IncidentCopies
from receiver.pipeline.open_incidents.incident_follower import IncidentFollower
from receiver.pipeline.shared_documents import NOTHING, Documents
from receiver.pipeline.store_outage.lost_incidents import PAGE, LostIncidents
from receiver.pipeline.store_outage.store_loss_message import NAMED, store_loss_message
from receiver.pipeline.store_outage.unchecked_incidents import ASKING_MS, UncheckedIncidents
from receiver.store.client.store_errors import StoreFull
from receiver.store.commit_mark import CommitMark, contradicts
from receiver.store.due.due_set import DueSet
from receiver.store.due.store_poll import StoreBeat
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.incidents.store_recovery import StoreMemory

SAY = 2.0
"""Seconds between two increasing numbers that a replica writes."""
GRACE_MS = 5000
"""Milliseconds for which no replica claims due work after the last sign that a replica is still writing back."""
LONGEST_MS = 60_000
"""A time further ahead than this was written by a replica with a wrong clock."""
GAP_MS = 60_000
"""If no replica has written its time for this long before this one's first read, the store may be an old copy."""
EPOCHS = 50
"""Number of remembered epochs, the newest: a store with one of them is an older copy."""

log = structlog.get_logger("receiver.memory")


class ExpectedStore(NamedTuple):
    """The minimum state of a store that has lost nothing."""

    commits: int
    """The number of the last commit that this replica has seen."""
    number: int
    """The number of this replica that the store has accepted."""
    newest: CommitMark | None
    """The newest commit with a known mark."""


class StoreRecovery:
    """One replica's part in the recovery."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        due: DueSet,
        incidents: IncidentStore,
        cache: IncidentCache,
        follower: IncidentFollower,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """Create it before the first beat."""
        self.setting = setting
        self.due = due
        self.incidents = incidents
        self.cache = cache
        self.follower = follower
        self.clock = clock
        self.metrics = metrics
        self.memory = StoreMemory(due.connection)
        self.copies = IncidentCopies(self.memory)
        self.lost = LostIncidents(setting, self.memory, self.copies, incidents, clock, metrics)
        self.unchecked = UncheckedIncidents(self.memory, cache, self._hold, clock)
        cache.changed += [self.copies.changed, self._saw_number]
        incidents.committed.append(self.copies.committed)
        self.confirmed = 0
        """The last number of this replica that the store has accepted."""
        self.shared_documents: Callable[[], tuple[int, Documents]] = lambda: (0, NOTHING)
        """The revision and the shared documents in this replica's memory."""
        self.store_again: Callable[[], Awaitable[None]]
        """Writes this replica's data about Alertmanager's receivers and Watchdogs back to the store."""
        self._epoch: str | None = None
        self._epochs: list[str] = []
        self._number = 0
        self._said: float | None = None
        self._before: dict[str, IncidentSummary] = {}
        self._until_ms = 0
        """Until when this replica itself holds due work, without reading it from the store."""
        self._documents: tuple[int, Documents] = (0, NOTHING)
        self._unfinished = self._documents_back = self._untold = self._busy = False

    @property
    def expected(self) -> ExpectedStore:
        """Return the state that a beat that begins now must find.

        It does not apply to a running beat, because commits made meanwhile may be known here before its answer.
        """
        return ExpectedStore(self.cache.highest, self.confirmed, self.incidents.newest)

    async def check_beat(self, beat: StoreBeat, expected: ExpectedStore, silent_ms: int | None) -> bool:
        """Return whether the store has lost data since the last beat; then everything must be read again.

        `expected`: its result before the beat began. `silent_ms`: for how long no replica had written its time at this
        replica's first read; None if none ever did. Raises StoreAway.
        """
        if self._epoch is None:
            self.incidents.passed(beat.newest)
            self._epoch = beat.epoch or await self.memory.recover((), 0, 0)
            self._epochs.append(self._epoch)
            self.incidents.epoch = self._epoch
            if self.setting().alertmanagers and (silent_ms or 0) > GAP_MS:
                # Work that is due in the store may be outdated. The check runs even if the store becomes unavailable
                # meanwhile, because this code does not run again.
                self.unchecked.add(set(), of_gap=True)
                await self._hold(ASKING_MS)
            return False
        if beat.epoch == self._epoch and not _has_lost(beat, expected):
            self.incidents.passed(beat.newest)
            return False
        seen = max(self.cache.highest, expected.newest.number if expected.newest else 0)
        self._until_ms = to_ms(self.clock.now()) + GRACE_MS
        self._epoch = await self.memory.recover(self._epochs, seen, self._until_ms)
        self._epochs = [*self._epochs[1 - EPOCHS :], self._epoch]
        self.metrics.loop_errors.labels("beat").inc()
        self.metrics.store_losses.inc()
        log.error("store_data_lost", commits=beat.commits, known=seen, epoch=self._epoch)
        self._before |= {one.uid: one for one in (*self.cache.over(), *self.cache.open())}
        self.copies.forget_wanted()
        self.follower.forget()
        known = self.shared_documents()
        self._documents = known if known[0] >= self._documents[0] else self._documents
        self._unfinished, self.confirmed, self._said = True, 0, None
        # From now on, that number belongs to another commit in the store, or to none.
        self.incidents.newest, self.incidents.epoch = None, self._epoch
        return True

    def holds(self, until_ms: int) -> bool:
        """Return whether no replica may claim due work until `until_ms`; a distant time was set by a wrong clock."""
        now_ms = to_ms(self.clock.now())
        return now_ms < max(until_ms, self._until_ms) <= now_ms + LONGEST_MS

    async def _hold(self, for_ms: int) -> None:
        self._until_ms = to_ms(self.clock.now()) + for_ms
        await self.memory.extend(self._epoch or "", self._until_ms)

    @property
    def waits(self) -> bool:
        """Whether `keep` has something to do."""
        since = self.clock.monotonic() - self._said if self._said is not None else SAY
        work = self._unfinished or self.unchecked.waiting or self._untold or self.copies.waiting
        return not self._busy and (work or since >= SAY)

    async def _say(self) -> None:
        self._number += 1
        try:
            await self.memory.say(self._number)
        except StoreFull:
            return  # a store that refuses new data has lost nothing; its work continues
        self.confirmed = self._number

    async def keep(self, until_ms: int) -> None:
        """Run the next step; `until_ms`: until when no replica claims due work. Raises StoreAway."""
        self._busy = True
        try:
            if self._said is None or self.clock.monotonic() - self._said >= SAY:
                self._said = self.clock.monotonic()
                await self._say()
                await self.copies.read_lean()
            if self._unfinished:
                await self._write_back()
            elif self.unchecked.waiting:
                await self._check_unchecked()
            elif self._untold and not self.holds(until_ms):
                await self._tell()
            if self.copies.waiting:
                await self.copies.read()
        finally:
            self._busy = False

    async def _write_back(self) -> None:
        uids = list(dict.fromkeys((*self._before, *self.copies.uids())))
        for first in range(0, len(uids), PAGE):
            part = uids[first : first + PAGE]
            versions = await self.memory.versions(part)
            for uid, version in versions.items():
                await self.lost.compare(uid, version, self._before.get(uid))
            await self.lost.find_diverged(versions)
            await self._hold(GRACE_MS)
        await self.store_again()
        self._documents_back = await self.memory.put_shared_documents(*self._documents) or self._documents_back
        if self.setting().alertmanagers:
            self.unchecked.add(await self._unknown())
        self._unfinished, self._before = False, {}
        self._untold = bool(self.lost) or self._documents_back

    async def _unknown(self) -> set[str]:
        # Incidents that are open in the store and unknown here: their end may be among the lost data.
        known = {uid for uid, one in self._before.items() if not one.state.over}
        rows = await self.follower.summaries.open_from(float("-inf"), 2000)
        return {uid for uid, _ in rows} - known - set(self.copies.uids())

    async def _check_unchecked(self) -> None:
        now = self.clock.now()
        if not await self.unchecked.ask(now):
            return
        if not self._unfinished:
            self._until_ms = to_ms(now) + (0 if self.unchecked.of_gap else GRACE_MS)
            await self.memory.lift(self._until_ms)
        self.unchecked.clear()

    async def _tell(self) -> None:
        now = self.clock.now()
        back, gone, diverged = await self.lost.result()
        text, once = store_loss_message(back, gone, diverged, documents=self._documents_back), f"memory {self._epoch}"
        rows = [(f"- {to.channel} {once}", to.channel, to, {"text": text}) for to in self.setting().policy.informs]
        await self.due.owe(rows, to_ms(now), once)
        if await self.memory.counts(self._epoch or ""):
            # Every replica reaches this point and only one counts, so the sum over the replicas is right.
            self.metrics.lost_incidents.labels("lost").inc(len(gone))
        log.error("store_data_restored", back=len(back), lost=gone[:NAMED], more=max(0, len(gone) - NAMED))
        self._untold, self._documents_back = False, False
        self.lost.clear()

    def _saw_number(self, summary: IncidentSummary) -> None:
        self.incidents.saw(summary.id, self.setting().id_parts(summary.opened_at))


def _has_lost(beat: StoreBeat, expected: ExpectedStore) -> bool:
    short = beat.commits < expected.commits or beat.number < expected.number
    newest = expected.newest
    return short or (newest is not None and beat.commits < newest.number) or contradicts(newest, beat.same)
