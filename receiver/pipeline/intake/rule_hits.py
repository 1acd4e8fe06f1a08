"""Counts alerts by the rule that decided their severity; the counts are stored outside the webhook's path."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import structlog

from receiver.store.client.connection import StoreAway
from receiver.store.rule_hits import RuleHitCounts

EVERY = 5.0
"""Seconds between two writes: a crash may lose the counts since the last one, and nothing else."""
DAYS = 30
"""Number of days that are counted together, including today."""

log = structlog.get_logger("receiver.rules")


class RuleHits(NamedTuple):
    """How often one rule decided."""

    rule: str
    today: int
    """Alerts today (UTC)."""
    month: int
    """Alerts in 30 days, including today."""


class RuleHitCounter:
    """The counts of one replica on their way to the store."""

    def __init__(self, store: RuleHitCounts) -> None:
        """Nothing is written before `flush`."""
        self.store = store
        self._waiting: dict[date, Counter[str]] = {}

    def note(self, rule: str, count: int, now: datetime) -> None:
        """Count alerts that `rule` decided."""
        self._waiting.setdefault(now.astimezone(UTC).date(), Counter())[rule] += count

    async def flush(self) -> None:
        """Write the counts; if the store is unavailable, they are kept for the next write."""
        waiting, self._waiting = self._waiting, {}
        for day, counts in waiting.items():
            try:
                await self.store.add(day, counts)
            except StoreAway as away:
                self._waiting.setdefault(day, Counter()).update(counts)
                log.debug("rule_hits_write_postponed", reason=str(away))

    async def listing(self, now: datetime) -> list[RuleHits]:
        """Return every rule that decided in the last 30 days, the one with most alerts first. Raises StoreAway."""
        await self.flush()
        today = now.astimezone(UTC).date()
        days = await self.store.read([today - timedelta(days=number) for number in range(DAYS)])
        month = Counter[str]()
        for counts in days:
            month.update(counts)
        rows = [RuleHits(rule, days[0].get(rule, 0), count) for rule, count in month.items()]
        return sorted(rows, key=lambda one: (-one.month, one.rule))

    async def run(self) -> None:
        """Write every 5 s until canceled."""
        while True:
            await asyncio.sleep(EVERY)
            await self.flush()
