"""Commits whose answer did not come: what they have leased to this replica would wait for the end of the lease.

A store that is slow, or whose answer was lost, may have written them. Their sender comes again and is told that it is a
duplicate, and no other replica may take the pages before the lease has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import orjson

from receiver.clock import Clock
from receiver.pipeline.setting import Setting
from receiver.store.connection import Connection

MOST = 1000
"""Commits that are asked about; of more, the oldest wait for their lease."""

Leased = tuple[str, str, float]
"""Member, token, and the monotonic time at which the lease ends."""


class UnheardCommits:
    """The commits of this replica that it does not know the outcome of, by token."""

    def __init__(self, connection: Connection, clock: Clock, setting: Callable[[], Setting]) -> None:
        """Nothing is in doubt yet."""
        self.connection = connection
        self.clock = clock
        self.setting = setting
        self._began: dict[str, float] = {}
        self._uids: dict[str, str] = {}
        self._groups: dict[str, tuple[str, ...]] = {}

    @property
    def waiting(self) -> bool:
        """Whether any is to be asked about."""
        return bool(self._began)

    def uids(self) -> set[str]:
        """Return the uids of the incidents that they are of."""
        return {self._uids[token] for token in self._began}

    def groups(self) -> set[str]:
        """Return the groups whose notifications they have stored, if they were written."""
        return {group for groups in self._groups.values() for group in groups}

    def add(self, token: str, began: float, uid: str = "", groups: Iterable[str] = ()) -> None:
        """Note a commit that nothing was heard of: of the incident `uid`, under `token`, sent at monotonic `began`.

        `groups`: whose notification it would have stored.
        """
        self._began[token], self._uids[token], self._groups[token] = began, uid, tuple(groups)
        if len(self._began) > MOST:
            self._forget(next(iter(self._began)))

    async def take(self) -> list[Leased]:
        """Return what turns out to be leased to this replica, once. Raises StoreAway."""
        now, lease = self.clock.monotonic(), self.setting().lease.total_seconds()
        for token in [token for token, began in self._began.items() if now - began >= lease]:
            self._forget(token)
        tokens = list(self._began)
        if not tokens:
            return []
        found: list[Leased] = []
        for token, text in zip(tokens, await self._replies(tokens), strict=True):
            # One that is not there may still be on its way.
            if text is not None and (began := self._forget(token)) is not None:
                found += [(member, token, began + lease) for member in orjson.loads(text)[4:]]
        return found

    def _forget(self, token: str) -> float | None:
        self._uids.pop(token, None)
        self._groups.pop(token, None)
        return self._began.pop(token, None)

    async def _replies(self, tokens: list[str]) -> list[str | None]:
        async with self.connection.guarded() as client:
            replies: list[str | None] = await client.mget([self.connection.keys.named(f"op:{one}") for one in tokens])
        return replies
