"""Dead letters, and retrying them."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import orjson

from receiver.store.client.connection import Connection, Script

REPLAY = Script("due/retry_dead_letter")


class RetryResult(IntEnum):
    """The result of retrying a dead letter."""

    AGAIN = 1
    NONE = 0
    """There is no such dead letter: another replica was faster, or a newer delivery is pending."""
    NOTHING_LEFT = -1
    """Its incident is no longer in the history."""


class DeadLetterRows:
    """The dead letters of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """Dead letters are read on each call."""
        self.connection = connection
        self.keys = connection.keys

    async def replay(self, member: str, now_ms: int) -> RetryResult:
        """Retry a dead letter, durably, and only once for concurrent requests; return the result."""
        keys = [self.keys.named("dead")]
        return RetryResult(await self.connection.write(REPLAY, keys, [self.keys.prefix, member, now_ms, 1]))

    async def forget(self, member: str) -> bool:
        """Drop a dead letter, durably; return whether it existed."""
        keys = [self.keys.named("dead")]
        return bool(await self.connection.write(REPLAY, keys, [self.keys.prefix, member, 0, 0]))

    async def all(self) -> dict[str, dict[str, Any]]:
        """Return the dead letters, by member."""
        async with self.connection.guarded() as client:
            rows = await client.hgetall(self.keys.named("dead"))
        return {member: orjson.loads(text) for member, text in rows.items()}
