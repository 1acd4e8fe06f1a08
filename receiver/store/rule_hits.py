"""Daily counts of alerts that each severity rule decided, shared by all replicas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from receiver.store.client.connection import Connection, Script
from receiver.store.stored_numbers import stored_number

COUNT = Script("documents/count_rule_hits")
LIFETIME_S = 32 * 86400
"""Seconds for which a day is stored: the oldest of 30 days is read until it ends in every time zone."""


class RuleHitCounts:
    """The counts of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """A day is a hash of rules."""
        self.connection = connection

    async def add(self, day: date, counts: Mapping[str, int]) -> None:
        """Add to the counts of `day`, by the name of the rule. Raises StoreAway."""
        if not counts:
            return
        arguments: list[str | int] = [LIFETIME_S]
        for rule, count in counts.items():
            arguments += [rule, count]
        await self.connection.write(COUNT, [self._key(day)], arguments)

    async def read(self, days: Sequence[date]) -> list[dict[str, int]]:
        """Return the counts of each of `days`, by the name of the rule. Raises StoreAway."""
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            for day in days:
                pipe.hgetall(self._key(day))
            found = await pipe.execute()
        return [{rule: stored_number(count) for rule, count in row.items()} for row in found]

    def _key(self, day: date) -> str:
        return self.connection.keys.named(f"hits:{day.isoformat()}")
