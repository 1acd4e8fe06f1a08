"""Two Alertmanagers of one cluster, which notify like the real one, with shorter times.

A notification has the state at the flush, also when it is retried. A group whose firing notification was never accepted
is not notified as resolved. Each records its notifications and shares the record with the other one, which waits before
it notifies.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from tests.simulation.fault_schedule import Group

GROUP_WAIT, INTERVAL, PEER_WAIT = 1.0, 10.0, 4.0
"""Seconds: Alertmanager's group_wait, its group_interval (also the time for which a notification is retried), and the
delay of the second one."""
FIRST_WAIT, GROWTH, SPREAD = 0.5, 1.5, 0.5
"""Alertmanager's backoff between two attempts."""
GOSSIP = 0.5
"""Seconds until the other one knows of a notification."""


@dataclass(frozen=True)
class Told:
    """The alerts of a group at one flush: for each its number, whether it fires, start and end."""

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
    """The last notification of a group (Alertmanager's notification log)."""

    firing: frozenset[int]
    resolved: frozenset[int]
    at: float


Post = Callable[[Told, int], Awaitable[int | None]]
"""(the notification, the Alertmanager) -> the status of one attempt; None without a response."""


def needs_update(entry: Entry | None, firing: frozenset[int], resolved: frozenset[int]) -> bool:
    """Return whether the receiver is to be notified (Alertmanager's DedupStage, before the repeat interval)."""
    if entry is None:
        return bool(firing)
    if not firing <= entry.firing:
        return True
    if not firing:
        return bool(entry.firing)
    return not resolved <= entry.resolved


@dataclass
class Alertmanager:
    """One of the two."""

    number: int
    chance: random.Random
    post: Post
    time: Callable[[], float]
    peers: list[Alertmanager] = field(default_factory=list)
    log: dict[str, Entry] = field(default_factory=dict)

    async def watch(self, group: Group) -> None:
        """Notify about a group until all its alerts have ended."""
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
        """Adopt the other's record if it is newer."""
        known = self.log.get(name)
        if known is None or known.at < entry.at:
            self.log[name] = entry


def standing(group: Group, now: float, forgotten: set[tuple[int, float]]) -> Told:
    """Return the alerts of `group` in Alertmanager at `now`: the latest spell of each, unless it was deleted."""
    alerts = []
    for number, spells in enumerate(group.alerts):
        begun = [spell for spell in spells if spell.starts <= now]
        if begun and (number, begun[-1].starts) not in forgotten:
            fires = now < begun[-1].ends
            alerts.append((number, fires, begun[-1].starts, None if fires else begun[-1].ends))
    return Told(group.name, now, tuple(alerts))


def pair(chance: random.Random, post: Post, time: Callable[[], float]) -> Sequence[Alertmanager]:
    """Return two that share their records."""
    made = [Alertmanager(number, random.Random(chance.random()), post, time) for number in (0, 1)]
    made[0].peers, made[1].peers = [made[1]], [made[0]]
    return made
