"""Quotas of vendors, shared by all replicas: each call asks whether it may go now, or when to come back."""

from __future__ import annotations

from collections.abc import Sequence

from receiver.model.delivery.vendor_quota import Quota
from receiver.store.client.connection import Connection, Script

PACE = Script("due/take_quota")


class RateLimits:
    """The quotas of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """Nothing is kept here: the store has it."""
        self.connection = connection
        self.keys = connection.keys

    async def draw(
        self, channel: str, quotas: Sequence[Quota], now_ms: int, turn: int = 0, most_ms: int = 300_000
    ) -> tuple[int, int]:
        """Return the milliseconds after which to ask again, and the turn to ask with then; a wait of 0: now.

        `turn`: what was returned when the same was asked before; 0: it is asked for the first time. `most_ms`: the
        longest wait, since those before it may not need their turn anymore.
        """
        args: list[object] = [self.keys.prefix, now_ms, turn, most_ms]
        for one in quotas:
            within = round(one.seconds * 1000)
            spare = one.kept if one.kept_else is None else one.kept_else
            args.extend((f"{channel}:{one.name}", one.calls, within, one.kept, one.cost, one.rank, spare))
        wait, given = await self.connection.run(PACE, [self.keys.named("commits")], args)
        return int(wait), int(given)
