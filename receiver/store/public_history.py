"""What the public was told of incidents that are over: kept for the bars, the months and the feeds of the status page.

A replica that has just started knows the newest incidents only; the status page shows 90 days whatever their number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from receiver.store.client.connection import Connection

PAGE = 200
"""Records that are written in one round trip."""


class PublicHistoryStore:
    """The records of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """They are read whole: there are at most a thousand."""
        self.connection = connection

    async def since(self, now_ms: int) -> int:
        """Return since when (ms) the history is complete; the first who asks sets it to now. Raises StoreAway."""
        await self.connection.call("SET", self._since, now_ms, "NX")
        return int(await self.connection.call("GET", self._since))

    async def begin_at(self, ms: int) -> None:
        """Say that the history is complete since an earlier time. Raises StoreAway."""
        await self.connection.call("SET", self._since, ms)

    async def first(self) -> bool:
        """Return whether nobody has said yet since when the history is complete. Raises StoreAway."""
        return await self.connection.call("GET", self._since) is None

    async def read(self) -> dict[str, str]:
        """Return every record by uid, as JSON. Raises StoreAway."""
        found = await self.connection.call("HGETALL", self._records)
        return found if isinstance(found, dict) else dict(zip(found[::2], found[1::2], strict=True))

    async def write(self, records: Mapping[str, str]) -> None:
        """Keep records by uid. Raises StoreAway."""
        rows = list(records.items())
        for first in range(0, len(rows), PAGE):
            page = [part for row in rows[first : first + PAGE] for part in row]
            await self.connection.call("HSET", self._records, *page)

    async def drop(self, uids: Sequence[str]) -> None:
        """Forget records. Raises StoreAway."""
        if uids:
            await self.connection.call("HDEL", self._records, *uids)

    @property
    def _records(self) -> str:
        return self.connection.keys.named("public:past")

    @property
    def _since(self) -> str:
        return self.connection.keys.named("public:since")
