"""A store that has lost data: every replica notices, restores what it has, and one message says so.

Until that is over nobody claims what is due (key `memory`, read with every beat), so that no step of an incident that
has ended, or that somebody has acknowledged, is taken for an older store's word. docs/adr/0013.
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
from receiver.store.due.store_beat import StoreBeat
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.incidents.store_recovery import StoreMemory

SAY = 2.0
"""Seconds between two numbers that a replica writes."""
GRACE_MS = 5000
"""For which nobody claims what is due after the last sign that a replica still writes back."""
LONGEST_MS = 60_000
"""A time further off than this was not written by a replica whose clock is right."""
GAP_MS = 60_000
"""For which no replica has shown its clock before the first look of this one: the store may be an old copy."""
EPOCHS = 50
"""Epochs that are remembered, the newest: a store that shows one of them is older."""

log = structlog.get_logger("receiver.memory")


class ExpectedStore(NamedTuple):
    """What a store that has lost nothing shows at least."""

    commits: int
    """Commits that this replica has seen."""
    number: int
    """The number of this replica that the store has accepted."""
    newest: CommitMark | None
    """The newest commit whose mark is known here."""


class StoreRecovery:
    """One replica's part."""

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
        """Nothing is known of the store yet."""
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
        """The last number of this replica that the store has taken."""
        self.shared_documents: Callable[[], tuple[int, Documents]] = lambda: (0, NOTHING)
        """The revision and the shared documents, as they are known here."""
        self.store_again: Callable[[], Awaitable[None]]
        """Tells the store what this replica knows of Alertmanager's receivers and Watchdogs."""
        self._epoch: str | None = None
        self._epochs: list[str] = []
        self._number = 0
        self._said: float | None = None
        self._before: dict[str, IncidentSummary] = {}
        self._until_ms = 0
        """Until when this replica holds back what is due: it need not read that to do so."""
        self._documents: tuple[int, Documents] = (0, NOTHING)
        self._unfinished = self._documents_back = self._untold = self._busy = False

    @property
    def expected(self) -> ExpectedStore:
        """Return what a beat that begins now has to find.

        Not of one that is under way: what is committed meanwhile may be known here before its answer.
        """
        return ExpectedStore(self.cache.highest, self.confirmed, self.incidents.newest)

    async def check_beat(self, beat: StoreBeat, expected: ExpectedStore, silent_ms: int | None) -> bool:
        """Return whether the store has lost its memory since the last beat; then what is known must be read anew.

        `expected`: what that was before the beat began; `silent_ms`: for how long no replica had shown its clock at the
        first look of this one, None where none ever did. Raises StoreAway.
        """
        if self._epoch is None:
            self.incidents.passed(beat.newest)
            self._epoch = beat.epoch or await self.memory.recover((), 0, 0)
            self._epochs.append(self._epoch)
            self.incidents.epoch = self._epoch
            if self.setting().alertmanagers and (silent_ms or 0) > GAP_MS:
                # Whatever it is that the store says is due, it may be over by now. It is asked about even if the store
                # goes away meanwhile: this is not looked at again.
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
        # What the store has under that number is another commit from now on, or none.
        self.incidents.newest, self.incidents.epoch = None, self._epoch
        return True

    def holds(self, until_ms: int) -> bool:
        """Return whether nobody may claim what is due until `until_ms`; a time far off was set by a wrong clock."""
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
            return  # a store that takes nothing new has forgotten nothing; what it has goes on
        self.confirmed = self._number

    async def keep(self, until_ms: int) -> None:
        """Do what is due; `until_ms`: until when nobody claims. Raises StoreAway."""
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
        # What is open in the store and not known here: it may have ended in what the store has forgotten.
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
            # Every replica gets here and one of them counts, so the sum over the replicas is right.
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
