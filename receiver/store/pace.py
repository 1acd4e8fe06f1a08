"""Quotas of vendors, shared by all replicas: each call draws its moment."""

from __future__ import annotations

from collections.abc import Sequence

from receiver.model.quota import Quota
from receiver.store.connection import Connection, Script

PACE = Script("pace")


class Pace:
    """The quotas of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """Nothing is kept here: the store has it."""
        self.connection = connection
        self.keys = connection.keys

    async def draw(self, channel: str, quotas: Sequence[Quota], now_ms: int) -> int:
        """Return the milliseconds to wait until `quotas` of a channel allow one more call; that moment is drawn."""
        args: list[object] = [self.keys.prefix, now_ms]
        for one in quotas:
            every = one.every_ms
            args.extend((f"{channel}:{one.name}", every, round(one.burst * every), round(one.kept * every)))
        return int(await self.connection.run(PACE, [self.keys.named("commits")], args))
