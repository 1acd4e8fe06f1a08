"""The round trips of a commit without a commit: checks whether the store answers, writes, and is fast enough."""

from __future__ import annotations

from receiver.store.client.connection import Connection
from receiver.store.client.connection_lanes import Lane, lane
from receiver.store.client.lua_script import PROBE, PROBE_WHEN_FULL, Script
from receiver.store.client.store_errors import StoreSlow


class CommitProbe:
    """Probes the store on a reserved connection."""

    def __init__(self, connection: Connection) -> None:
        """Create it before the first probe."""
        self.connection = connection

    async def round_trips(self, limit: float) -> None:
        """Run the round trips of a commit: two reads, and a script that writes durably.

        A read-only or full server answers reads, but counts as unavailable. Raises StoreAway; StoreSlow if everything
        takes longer than `limit`, in seconds of loop time.
        """
        await self._round_trips(limit, PROBE)

    async def round_trips_when_full(self, limit: float) -> None:
        """Do the same with a script that a server with full memory also runs. Raises as `round_trips` does."""
        await self._round_trips(limit, PROBE_WHEN_FULL)

    async def _round_trips(self, limit: float, probe: Script) -> None:
        connection = self.connection
        try:
            with lane(Lane.PROBE):
                async with connection.time.deadline(limit):
                    for _ in range(2):
                        async with connection.guarded() as client:
                            await client.get(connection.keys.named("commits"))
                    await connection.write(probe, [connection.keys.named("fence")], [])
        except TimeoutError:
            raise StoreSlow(f"three round trips took longer than {limit:g} s") from None
