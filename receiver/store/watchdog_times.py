"""When each Watchdog was last received."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import structlog

from receiver.store.client.connection import Connection
from receiver.store.stored_numbers import stored_number

MOST = 100
"""Maximum number of distinct Watchdogs: more are a labeling error."""

log = structlog.get_logger("receiver.watchdog")


class WatchdogTimes:
    """The Watchdogs of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """Times are read from the store on each call."""
        self.connection = connection

    async def record(self, now_ms: int, by: Sequence[str] = (), names: Collection[str] = ()) -> None:
        """Record that Watchdogs were received; `names` are built from the labels `by`. Raises StoreAway."""
        async with self.connection.guarded() as client:
            await client.set(self._any, now_ms)
            if not by:
                return
            place = self._each(by)
            known, given = set(await client.hkeys(place)), set(names)
            fresh = sorted(given - known)[: max(0, MOST - len(known))]
            kept = dict.fromkeys((*fresh, *(given & known)), now_ms)
            if kept:
                await client.hset(place, mapping=kept)
            if len(kept) < len(given):
                log.error(
                    "watchdog_limit_exceeded", kept=MOST, hint="group by fewer labels in ingest.watchdog.group_by"
                )

    async def last_ms(self) -> int | None:
        """Return when any was last received; None if never. Raises StoreAway."""
        async with self.connection.guarded() as client:
            value = await client.get(self._any)
        return stored_number(value) or None

    async def lasts_ms(self, by: Sequence[str]) -> dict[str, int]:
        """Return when each Watchdog, distinguished by the labels `by`, was last received, by name. Raises StoreAway."""
        async with self.connection.guarded() as client:
            found = await client.hgetall(self._each(by))
        return {name: ms for name, value in found.items() if (ms := stored_number(value))}

    async def cap(self, by: Sequence[str], now_ms: int) -> None:
        """Reset times in the future to now, because a wrong clock wrote them. Raises StoreAway."""
        async with self.connection.guarded() as client:
            if stored_number(await client.get(self._any)) > now_ms:
                await client.set(self._any, now_ms)
            found = await client.hgetall(self._each(by)) if by else {}
            ahead = {name: now_ms for name, value in found.items() if stored_number(value) > now_ms}
            if ahead:
                await client.hset(self._each(by), mapping=ahead)

    async def forget(self, by: Sequence[str], name: str) -> None:
        """Stop monitoring one until it is received again. Raises StoreAway."""
        async with self.connection.guarded() as client:
            await client.hdel(self._each(by), name)

    @property
    def _any(self) -> str:
        return self.connection.keys.named("watchdog")

    def _each(self, by: Sequence[str]) -> str:
        # Names built from other labels are not monitored anymore.
        return self.connection.keys.named(f"watchdogs:{','.join(by)}")
