"""A store that has lost data: every replica notices, restores what it has, and one message says so.

Until that is over nobody claims what is due (key `memory`, read with every beat), so that no step of an incident that
has ended, or that somebody has acknowledged, is taken for an older store's word. docs/adr/0013.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import structlog

from receiver.clock import Clock
from receiver.incident.paging.planned_pages import page_destination
from receiver.incident.store_outage.incident_summary import summarize
from receiver.metrics import Metrics
from receiver.model.base import to_ms
from receiver.model.incident.event import Destination
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.model.severity import Severity
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.open_incidents.incident_copies import IncidentCopies
from receiver.pipeline.open_incidents.incident_follower import IncidentFollower
from receiver.pipeline.outbox.outbox_rows import member_of, timers_of
from receiver.pipeline.shared_documents import NOTHING, Documents
from receiver.store.client.store_errors import StoreFull
from receiver.store.commit_mark import CommitMark, contradicts
from receiver.store.due.due_set import DueSet, StoreBeat
from receiver.store.incidents.incident_copy import IncidentCopy
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.incidents.store_recovery import NEWER, StoreMemory
from receiver.store.incidents.stored_records import event_of, readable

SAY = 2.0
"""Seconds between two numbers that a replica writes."""
GRACE_MS = 5000
"""For which nobody claims what is due after the last sign that a replica still writes back."""
ASKING_MS = 15_000
"""The same, after a question to Alertmanager that was not answered."""
LONGEST_MS = 60_000
"""A time further off than this was not written by a replica whose clock is right."""
PATIENCE = 25.0
"""Seconds that Alertmanager may take to answer; then what is due is done without it."""
ASK = 2.0
"""Seconds between two questions to it."""
GAP_MS = 60_000
"""For which no replica has shown its clock before the first look of this one: the store may be an old copy."""
PAGE = 100
"""Incidents that are compared in one round trip."""
PAGES = 20
"""Pages of an incident whose state at the vendor is made sure of, the newest."""
EPOCHS = 50
"""Epochs that are remembered, the newest: a store that shows one of them is older."""
NAMED = 20
"""Incidents that the message names."""

log = structlog.get_logger("receiver.memory")

Row = tuple[str, str, Destination]


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
        cache.changed.append(self.copies.changed)
        cache.changed.append(self._saw_number)
        incidents.committed.append(self.copies.committed)
        self.confirmed = 0
        """The last number of this replica that the store has taken."""
        self.board: Callable[[], tuple[int, Documents]] = lambda: (0, NOTHING)
        """The revision and the documents of the board, as they are known here."""
        self.hear_again: Callable[[], Awaitable[None]]
        """Tells the store what this replica knows of Alertmanager's receivers and Watchdogs."""
        self.check: Callable[[Collection[str], datetime], Awaitable[bool]]
        """Asks Alertmanager about open incidents, by uid; returns whether it has answered."""
        self._epoch: str | None = None
        self._epochs: list[str] = []
        self._number = 0
        self._said: float | None = None
        self._before: dict[str, IncidentSummary] = {}
        self._unfinished = False
        self._until_ms = 0
        """Until when this replica holds back what is due: it need not read that to do so."""
        self._lost: dict[str, tuple[int, str]] = {}
        self._diverged: set[str] = set()
        """Ids of incidents whose last change was lost, and that were changed since."""
        self._board: tuple[int, Documents] = (0, NOTHING)
        self._board_back = False
        self._unchecked: set[str] | None = None
        self._gap = False
        self._asked: float | None = None
        self._ask_until = 0.0
        self._untold = False
        self._busy = False

    @property
    def expected(self) -> ExpectedStore:
        """Return what a beat that begins now has to find.

        Not of one that is under way: what is committed meanwhile may be known here before its answer.
        """
        return ExpectedStore(self.cache.highest, self.confirmed, self.incidents.newest)

    async def look(self, beat: StoreBeat, expected: ExpectedStore, silent_ms: int | None) -> bool:
        """Return whether the store has lost its memory since the last beat; then what is known must be read anew.

        `expected`: what that was before the beat began; `silent_ms`: for how long no replica had shown its clock at the
        first look of this one, None where none ever did. Raises StoreAway.
        """
        if self._epoch is None:
            self.incidents.passed(beat.newest)
            self._epoch = beat.epoch or await self.memory.recover((), 0, 0)
            self._epochs.append(self._epoch)
            self.incidents.epoch = self._epoch
            self._gap = bool(self.setting().alertmanagers) and (silent_ms or 0) > GAP_MS
            if self._gap:
                # Whatever it is that the store says is due, it may be over by now.
                await self._hold(ASKING_MS)
                self._await_answer(set())
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
        log.error("store_lost_memory", commits=beat.commits, known=seen, epoch=self._epoch)
        self._before |= {one.uid: one for one in (*self.cache.over(), *self.cache.open())}
        self.copies.forget_wanted()
        self.follower.forget()
        known = self.board()
        self._board = known if known[0] >= self._board[0] else self._board
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
        work = self._unfinished or self._unchecked is not None or self._untold or self.copies.waiting
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
            elif self._unchecked is not None:
                await self._ask()
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
                await self._compare(uid, version)
            await self._find_diverged(versions)
            await self._hold(GRACE_MS)
        await self.hear_again()
        self._board_back = await self.memory.put_board(*self._board) or self._board_back
        if self.setting().alertmanagers:
            self._await_answer(await self._unknown())
        self._unfinished, self._before = False, {}
        self._untold = bool(self._lost or self._diverged or self._board_back)

    async def _compare(self, uid: str, version: int) -> None:
        known, copy = self._before.get(uid), self.copies.get(uid)
        newest = max(known.version if known else 0, copy.version if copy else 0)
        if newest <= version:
            return
        label = known.label if known is not None else copy.id if copy is not None else uid
        self._lost[uid] = (newest, label)
        if copy is not None and copy.version > version:
            await self._give_back(copy)

    async def _find_diverged(self, versions: Mapping[str, int]) -> None:
        # As many commits as before, or more, and not all of them the same: a replica that did not know of the lost one
        # has gone on from what was there. Its log stays, and people are told that it lacks something.
        copies = [copy for uid in versions if (copy := self.copies.get(uid)) and copy.events]
        known = [copy for copy in copies if copy.version <= versions[copy.uid] < NEWER]
        for uid in await self.memory.diverged(known):
            copy = self.copies.get(uid)
            if copy is not None:
                self._diverged.add(copy.id)
                log.error("incident_diverged", incident=copy.id, lost=copy.last_event[:1000])

    async def _give_back(self, copy: IncidentCopy) -> None:
        setting, now = self.setting(), self.clock.now()
        incident = readable(copy.uid, copy.state, str(copy.version), copy.id)
        if incident is None:
            return
        given = await self.memory.give_back(
            copy,
            incident,
            summarize(incident, setting.policy.of(incident)),
            rows=rows_of(incident, copy.events),
            timers=timers_of(incident, setting),
            number=setting.id_parts(incident.opened_at),
            ttl_s=self.incidents.history_s,
            now_ms=to_ms(now),
        )
        if given:
            self.metrics.lost_incidents.labels("written_back").inc()
            log.warning("incident_written_back", incident=given, state=incident.state, version=copy.version)

    async def _unknown(self) -> set[str]:
        # What is open in the store and not known here: it may have ended in what the store has forgotten.
        known = {uid for uid, one in self._before.items() if not one.state.over}
        rows = await self.follower.summaries.open_from(float("-inf"), 2000)
        return {uid for uid, _ in rows} - known - set(self.copies.uids())

    def _await_answer(self, uids: set[str]) -> None:
        self._unchecked, self._ask_until = uids, self.clock.monotonic() + PATIENCE
        self._asked = None

    async def _ask(self) -> None:
        moment, now = self.clock.monotonic(), self.clock.now()
        if self._asked is not None and moment - self._asked < ASK:
            return
        uids = self._unchecked or set()
        if self._gap:
            uids = {one.uid for one in self.cache.open() if (one.call_ms or one.answer_ms or 0) <= to_ms(now)}
        done = not uids or moment >= self._ask_until or (self._asked is None and not await self.memory.checker())
        self._asked = moment
        if not done:
            await self._hold(ASKING_MS)
            done = await self.check(uids, now)
        if not done:
            return
        if not self._unfinished:
            self._until_ms = to_ms(now) + (0 if self._gap else GRACE_MS)
            await self.memory.lift(self._until_ms)
        self._unchecked, self._gap = None, False

    async def _tell(self) -> None:
        now = self.clock.now()
        found: dict[str, int] = {}
        for part in (list(self._lost)[first : first + PAGE] for first in range(0, len(self._lost), PAGE)):
            found |= await self.memory.versions(part)
        gone = sorted(label for uid, (version, label) in self._lost.items() if found[uid] < version)
        back = sorted(await self.memory.recovered())
        text = _message(back, gone, sorted(self._diverged), board=self._board_back)
        once = f"memory {self._epoch}"
        rows = [(f"- {to.channel} {once}", to.channel, to, {"text": text}) for to in self.setting().policy.informs]
        await self.due.owe(rows, to_ms(now), once)
        if await self.memory.counts(self._epoch or ""):
            # Every replica gets here and one of them counts, so the sum over the replicas is right.
            self.metrics.lost_incidents.labels("lost").inc(len(gone))
        log.error("store_memory_made_good", back=len(back), lost=gone[:NAMED], more=max(0, len(gone) - NAMED))
        self._untold, self._lost, self._diverged, self._board_back = False, {}, set(), False

    def _saw_number(self, summary: IncidentSummary) -> None:
        self.incidents.saw(summary.id, self.setting().id_parts(summary.opened_at))


def _has_lost(beat: StoreBeat, expected: ExpectedStore) -> bool:
    short = beat.commits < expected.commits or beat.number < expected.number
    newest = expected.newest
    return short or (newest is not None and beat.commits < newest.number) or contradicts(newest, beat.same)


def rows_of(incident: Incident, events: Iterable[str | bytes]) -> tuple[list[Row], list[Row]]:
    """Return the rows of an incident's newest pages, and those of the channels that have it."""
    urgent = "!" if incident.severity in (Severity.SEV1, Severity.SEV2) else ""
    pages = [
        (member_of(incident.uid, page.channel, page.key), f"{page.channel}{urgent}", page_destination(page))
        for page in incident.pages[-PAGES:]
    ]
    told = dict.fromkeys(to for row in events for to in event_of(row).to if not to.paging)
    return pages, [(member_of(incident.uid, to.channel, to.address), to.channel, to) for to in told]


def _message(back: Sequence[str], gone: Sequence[str], diverged: Sequence[str], *, board: bool) -> str:
    parts = ["The incident store has lost data: it was emptied, or restored from an older state."]
    if back:
        parts.append(f"{_counted(back)} written back: {_listed(back)}.")
    if board:
        parts.append("Overrides and maintenance windows were written back.")
    if gone:
        parts.append(
            f"{_counted(gone)} lost: {_listed(gone)}. Their alerts that still fire are reported again by the next "
            "notification."
        )
    if diverged:
        lost = "1 incident" if len(diverged) == 1 else f"{len(diverged)} incidents"
        parts.append(f"{lost} lost the last change: {_listed(diverged)}. Check whether to repeat that change.")
    return " ".join(parts)


def _counted(labels: Sequence[str]) -> str:
    return "1 incident was" if len(labels) == 1 else f"{len(labels)} incidents were"


def _listed(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - NAMED} more" if len(labels) > NAMED else ""
    return ", ".join(labels[:NAMED]) + more
