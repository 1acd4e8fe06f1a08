"""The published parts of finished incidents, stored for the bars, months and feeds of the status page.

A replica that has just started knows only the newest incidents; the status page shows 90 days regardless of their
number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from receiver.store.client.connection import Connection

PAGE = 200
"""Number of records that are written in one round trip."""


class PublicHistoryStore:
    """The records of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """All records are read at once: there are at most 1,000."""
        self.connection = connection

    async def since(self, now_ms: int) -> int:
        """Return since when (ms) the history is complete; the first call sets it to now. Raises StoreAway."""
        await self.connection.call("SET", self._since, now_ms, "NX")
        return int(await self.connection.call("GET", self._since))

    async def begin_at(self, ms: int) -> None:
        """Record that the history is complete since an earlier time. Raises StoreAway."""
        await self.connection.call("SET", self._since, ms)

    async def first(self) -> bool:
        """Return whether the start of the complete history is not recorded yet. Raises StoreAway."""
        return await self.connection.call("GET", self._since) is None

    async def read(self) -> dict[str, str]:
        """Return every record by uid, as JSON. Raises StoreAway."""
        found = await self.connection.call("HGETALL", self._records)
        return found if isinstance(found, dict) else dict(zip(found[::2], found[1::2], strict=True))

    async def write(self, records: Mapping[str, str]) -> None:
        """Store records by uid. Raises StoreAway."""
        rows = list(records.items())
        for first in range(0, len(rows), PAGE):
            page = [part for row in rows[first : first + PAGE] for part in row]
            await self.connection.call("HSET", self._records, *page)

    async def drop(self, uids: Sequence[str]) -> None:
        """Delete records. Raises StoreAway."""
        if uids:
            await self.connection.call("HDEL", self._records, *uids)

    @property
    def _records(self) -> str:
        return self.connection.keys.named("public:past")

    @property
    def _since(self) -> str:
        return self.connection.keys.named("public:since")
