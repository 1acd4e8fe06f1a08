"""Two Alertmanagers of one cluster, which tell of alerts as the real one does, in shorter times.

What is sent is what stood at the flush, also when it is tried again; a group whose firing was never taken is not told
of once it has ended; what has been told is written down and shared with the other one, which waits before it tells.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from tests.schedules.schedule import Group

GROUP_WAIT, INTERVAL, PEER_WAIT = 1.0, 10.0, 4.0
"""Seconds: Alertmanager's group_wait, group_interval (also the time for which a notification is tried), and for how
long the second one leaves it to the first."""
FIRST_WAIT, GROWTH, SPREAD = 0.5, 1.5, 0.5
"""Alertmanager's backoff between two attempts."""
GOSSIP = 0.5
"""Seconds until what one has told is known to the other."""


@dataclass(frozen=True)
class Told:
    """The alerts of a group as they stood at one flush: for each its number, whether it fires, start and end."""

    group: str
    at: float
    alerts: tuple[tuple[int, bool, float, float | None], ...]

    @property
    def firing(self) -> frozenset[int]:
        """Return the numbers of the alerts that fire."""
        return frozenset(number for number, fires, *_ in self.alerts if fires)

    @property
    def resolved(self) -> frozenset[int]:
        """Return the numbers of the alerts that have ended."""
        return frozenset(number for number, fires, *_ in self.alerts if not fires)


@dataclass(frozen=True)
class Entry:
    """What was told of a group last (Alertmanager's notification log)."""

    firing: frozenset[int]
    resolved: frozenset[int]
    at: float


Post = Callable[[Told, int], Awaitable[int | None]]
"""(what is told, by which Alertmanager) -> the status of one attempt; None without an answer."""


def needs_update(entry: Entry | None, firing: frozenset[int], resolved: frozenset[int]) -> bool:
    """Return whether the receiver is to hear of it (Alertmanager's DedupStage, before the repeat interval)."""
    if entry is None:
        return bool(firing)
    if not firing <= entry.firing:
        return True
    if not firing:
        return bool(entry.firing)
    return not resolved <= entry.resolved


@dataclass
class Alertmanager:
    """One of them."""

    number: int
    chance: random.Random
    post: Post
    time: Callable[[], float]
    peers: list[Alertmanager] = field(default_factory=list)
    log: dict[str, Entry] = field(default_factory=dict)

    async def watch(self, group: Group) -> None:
        """Tell of a group until nothing of it is left to tell of."""
        starts = min(spells[0].starts for spells in group.alerts)
        over = max(spells[-1].ends for spells in group.alerts)
        forgotten: set[tuple[int, float]] = set()
        due = starts + GROUP_WAIT + self.chance.uniform(0, 0.5) + 0.2 * self.number
        while True:
            await asyncio.sleep(max(0.0, due - self.time()))
            due = max(due + INTERVAL, self.time())
            told = standing(group, self.time(), forgotten)
            if await self._tell(group, told, self.time() + INTERVAL):
                forgotten |= {(number, began) for number, fires, began, _ in told.alerts if not fires}
            if self.time() > over and not standing(group, self.time(), forgotten).alerts:
                return

    async def _tell(self, group: Group, told: Told, until: float) -> bool:
        await asyncio.sleep(PEER_WAIT * self.number)
        if not needs_update(self.log.get(group.name), told.firing, told.resolved):
            return True
        wait = FIRST_WAIT
        while self.time() < until:
            try:
                async with asyncio.timeout(until - self.time()):
                    status = await self.post(told, self.number)
            except TimeoutError:
                return False
            if status is not None and 200 <= status < 300:
                self._note(group, Entry(told.firing, told.resolved, self.time()))
                return True
            await asyncio.sleep(wait * self.chance.uniform(1 - SPREAD, 1 + SPREAD))
            wait *= GROWTH
        return False

    def _note(self, group: Group, entry: Entry) -> None:
        self.log[group.name] = entry
        for peer in self.peers if group.gossip else ():
            asyncio.get_running_loop().call_later(GOSSIP, peer.hear, group.name, entry)

    def hear(self, name: str, entry: Entry) -> None:
        """Take over what the other has told, if it is newer."""
        known = self.log.get(name)
        if known is None or known.at < entry.at:
            self.log[name] = entry


def standing(group: Group, now: float, forgotten: set[tuple[int, float]]) -> Told:
    """Return the alerts of `group` as Alertmanager has them at `now`: of each the latest spell, unless forgotten."""
    alerts = []
    for number, spells in enumerate(group.alerts):
        begun = [spell for spell in spells if spell.starts <= now]
        if begun and (number, begun[-1].starts) not in forgotten:
            fires = now < begun[-1].ends
            alerts.append((number, fires, begun[-1].starts, None if fires else begun[-1].ends))
    return Told(group.name, now, tuple(alerts))


def pair(chance: random.Random, post: Post, time: Callable[[], float]) -> Sequence[Alertmanager]:
    """Return two that know of each other."""
    made = [Alertmanager(number, random.Random(chance.random()), post, time) for number in (0, 1)]
    made[0].peers, made[1].peers = [made[1]], [made[0]]
    return made
