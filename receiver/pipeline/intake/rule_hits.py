"""Alerts by the rule that decided their severity, gathered here and written off the webhook's way."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import structlog

from receiver.store.client.connection import StoreAway
from receiver.store.rule_hits import RuleHitCounts

EVERY = 5.0
"""Seconds between two writes: a crash may lose what was counted since, and no more than counts are lost."""
DAYS = 30
"""Days that are counted together, today among them."""

log = structlog.get_logger("receiver.rules")


class RuleHits(NamedTuple):
    """How often one rule has decided."""

    rule: str
    today: int
    """Alerts of this day (UTC)."""
    month: int
    """Alerts of 30 days, this one among them."""


class RuleHitCounter:
    """The counts of one replica on their way to the store."""

    def __init__(self, store: RuleHitCounts) -> None:
        """Nothing is written before `flush`."""
        self.store = store
        self._waiting: dict[date, Counter[str]] = {}

    def note(self, rule: str, count: int, now: datetime) -> None:
        """Count alerts that `rule` has decided."""
        self._waiting.setdefault(now.astimezone(UTC).date(), Counter())[rule] += count

    async def flush(self) -> None:
        """Write what has been counted; where the store is away it is kept for the next time."""
        waiting, self._waiting = self._waiting, {}
        for day, counts in waiting.items():
            try:
                await self.store.add(day, counts)
            except StoreAway as away:
                self._waiting.setdefault(day, Counter()).update(counts)
                log.debug("rule_hits_write_postponed", reason=str(away))

    async def listing(self, now: datetime) -> list[RuleHits]:
        """Return every rule that has decided in 30 days, that with most alerts first. Raises StoreAway."""
        await self.flush()
        today = now.astimezone(UTC).date()
        days = await self.store.read([today - timedelta(days=number) for number in range(DAYS)])
        month = Counter[str]()
        for counts in days:
            month.update(counts)
        rows = [RuleHits(rule, days[0].get(rule, 0), count) for rule, count in month.items()]
        return sorted(rows, key=lambda one: (-one.month, one.rule))

    async def run(self) -> None:
        """Write every 5 s, for ever."""
        while True:
            await asyncio.sleep(EVERY)
            await self.flush()
