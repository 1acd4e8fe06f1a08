"""Quotas of vendors, shared by all replicas: each call checks whether it may run now, or when to check again."""

from __future__ import annotations

from collections.abc import Sequence

from receiver.model.delivery.vendor_quota import Quota
from receiver.store.client.connection import Connection, Script

PACE = Script("due/take_quota")


class RateLimits:
    """The quotas of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """All state is in the store."""
        self.connection = connection
        self.keys = connection.keys

    async def draw(
        self, channel: str, quotas: Sequence[Quota], now_ms: int, turn: int = 0, most_ms: int = 300_000
    ) -> tuple[int, int]:
        """Return the milliseconds after which to check again, and the slot to check with; a wait of 0: run now.

        `turn`: the slot from the previous check; 0: it is the first check. `most_ms`: the longest wait, because earlier
        calls may no longer need their slot.
        """
        args: list[object] = [self.keys.prefix, now_ms, turn, most_ms]
        for one in quotas:
            within = round(one.seconds * 1000)
            spare = one.kept if one.kept_else is None else one.kept_else
            args.extend((f"{channel}:{one.name}", one.calls, within, one.kept, one.cost, one.rank, spare))
        wait, given = await self.connection.run(PACE, [self.keys.named("commits")], args)
        return int(wait), int(given)
