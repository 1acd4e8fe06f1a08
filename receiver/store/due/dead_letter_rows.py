"""Deliveries that gave up, and their way back among those that are due."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import orjson

from receiver.store.client.connection import Connection, Script

REPLAY = Script("due/retry_dead_letter")


class RetryResult(IntEnum):
    """What became of the wish to try a delivery that gave up again."""

    AGAIN = 1
    NONE = 0
    """There is none: another replica was faster, or something newer is on its way."""
    NOTHING_LEFT = -1
    """What it would send is older than the history."""


class DeadLetterRows:
    """The dead letters of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """None is read before it is asked for."""
        self.connection = connection
        self.keys = connection.keys

    async def replay(self, member: str, now_ms: int) -> RetryResult:
        """Let a delivery that gave up be tried again, durably, once however many ask; return how it went."""
        keys = [self.keys.named("dead")]
        return RetryResult(await self.connection.write(REPLAY, keys, [self.keys.prefix, member, now_ms, 1]))

    async def forget(self, member: str) -> bool:
        """Drop a delivery that gave up, durably; return whether there was one."""
        keys = [self.keys.named("dead")]
        return bool(await self.connection.write(REPLAY, keys, [self.keys.prefix, member, 0, 0]))

    async def all(self) -> dict[str, dict[str, Any]]:
        """Return the deliveries that gave up, by member."""
        async with self.connection.guarded() as client:
            rows = await client.hgetall(self.keys.named("dead"))
        return {member: orjson.loads(text) for member, text in rows.items()}
