"""The lanes of due work that replicas serve, and when each was last reported."""

from __future__ import annotations

from collections.abc import Sequence

from receiver.store.client.connection import Connection


class LaneOwners:
    """All lanes of one namespace that a replica has ever served."""

    def __init__(self, connection: Connection) -> None:
        """Every replica reports the lanes it serves; lanes that are no longer reported stay known."""
        self.connection = connection

    async def say(self, lanes: Sequence[str], now_ms: int) -> None:
        """Report that this replica serves `lanes` now. Raises StoreAway."""
        if lanes:
            async with self.connection.guarded() as client:
                await client.zadd(self._key, dict.fromkeys(lanes, now_ms), gt=True)

    async def last_ms(self, lane: str) -> int | None:
        """Return when `lane` was last reported as served; None if never. Raises StoreAway."""
        async with self.connection.guarded() as client:
            found = await client.zscore(self._key, lane)
        return None if found is None else int(found)

    async def silent(self, before_ms: int) -> list[str]:
        """Return the lanes that were not reported as served since then, those of urgent pages first.

        Raises StoreAway.
        """
        async with self.connection.guarded() as client:
            found: list[str] = await client.zrangebyscore(self._key, "-inf", before_ms)
        return sorted(found, key=lambda lane: (not lane.endswith("!"), lane))

    @property
    def _key(self) -> str:
        return self.connection.keys.named("served")
