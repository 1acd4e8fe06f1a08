"""Commits without an answer: the rows that they leased to this replica would wait until the lease ends.

A slow store, or one whose answer was lost, may have written them. Their sender retries and gets the outcome duplicate,
and no other replica may claim the pages before the lease has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from receiver.clock import Clock
from receiver.pipeline.active_config import ActiveConfig
from receiver.store.client.connection import Connection

MOST = 1000
"""Maximum number of commits that are queried; beyond that, the oldest wait for their lease."""


@dataclass(frozen=True)
class UnconfirmedCommit:
    """A commit that was sent and not answered."""

    token: str
    began: float
    """When it was sent (monotonic)."""
    uid: str = ""
    """The uid of its incident."""
    groups: tuple[str, ...] = ()
    """The groups whose notification it would have stored."""
    answered: Callable[[Sequence[Any]], None] = lambda reply: None
    """Called with the answer of its script once that is known: delivers the leased rows from the written data."""


class UnconfirmedCommits:
    """The commits of this replica with an unknown outcome, by token."""

    def __init__(self, connection: Connection, clock: Clock, setting: Callable[[], ActiveConfig]) -> None:
        """Create it without commits."""
        self.connection = connection
        self.clock = clock
        self.setting = setting
        self._commits: dict[str, UnconfirmedCommit] = {}

    def __len__(self) -> int:
        """Return how many must be queried."""
        return len(self._commits)

    def __iter__(self) -> Iterator[UnconfirmedCommit]:
        """Return them, the oldest first."""
        return iter(list(self._commits.values()))

    def uids(self) -> set[str]:
        """Return the uids of their incidents."""
        return {one.uid for one in self}

    def groups(self) -> set[str]:
        """Return the groups whose notifications they store, if they were written."""
        return {group for one in self for group in one.groups}

    def add(self, commit: UnconfirmedCommit) -> None:
        """Note a commit without an answer."""
        self._commits[commit.token] = commit
        if len(self._commits) > MOST:
            del self._commits[next(iter(self._commits))]

    async def ask(self) -> None:
        """Query the store, and pass each written commit the answer of its script. Raises StoreAway."""
        now, lease = self.clock.monotonic(), self.setting().lease.total_seconds()
        for one in self:
            if now - one.began >= lease:
                del self._commits[one.token]
        asked = list(self)
        if not asked:
            return
        names = [self.connection.keys.named(f"op:{one.token}") for one in asked]
        for one, text in zip(asked, await self.connection.call("MGET", *names), strict=True):
            # A missing commit may still be on its way.
            if text is not None and self._commits.pop(one.token, None) is not None:
                one.answered(orjson.loads(text))
