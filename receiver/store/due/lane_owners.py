"""Which lanes of due work somebody serves, and when that was last said."""

from __future__ import annotations

from collections.abc import Sequence

from receiver.store.client.connection import Connection


class LaneOwners:
    """The lanes of one namespace that any replica ever served."""

    def __init__(self, connection: Connection) -> None:
        """Every replica says what it serves; what nobody says anymore stays known."""
        self.connection = connection

    async def say(self, lanes: Sequence[str], now_ms: int) -> None:
        """Say that this replica serves `lanes` now. Raises StoreAway."""
        if lanes:
            async with self.connection.guarded() as client:
                await client.zadd(self._key, dict.fromkeys(lanes, now_ms), gt=True)

    async def last_ms(self, lane: str) -> int | None:
        """Return when it was last said that `lane` is served, None for never. Raises StoreAway."""
        async with self.connection.guarded() as client:
            found = await client.zscore(self._key, lane)
        return None if found is None else int(found)

    async def silent(self, before_ms: int) -> list[str]:
        """Return the lanes that nobody has said to serve since then, those of urgent pages first. Raises StoreAway."""
        async with self.connection.guarded() as client:
            found: list[str] = await client.zrangebyscore(self._key, "-inf", before_ms)
        return sorted(found, key=lambda lane: (not lane.endswith("!"), lane))

    @property
    def _key(self) -> str:
        return self.connection.keys.named("served")
