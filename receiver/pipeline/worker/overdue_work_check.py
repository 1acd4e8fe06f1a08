"""The auditor: a separate loop that checks whether due work is done, and reports it if not.

It does not depend on the work loop, because a hanging loop cannot report itself: before each check, it reads the
changes in the store, as the loop would. Unchanged data is not read again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from receiver.clock import Clock
from receiver.metrics import Metrics
from receiver.model.base import from_ms, to_ms
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.open_incidents.incident_follower import IncidentFollower
from receiver.store.client.connection import StoreAway
from receiver.store.cooperative_loop import COMPARED, in_steps
from receiver.store.due.due_set import DueSet

EVERY = 15.0
"""Seconds between two checks."""
PATIENCE = timedelta(seconds=30)
"""How long after its lease work may be late before it is reported: a busy minute is normal."""

log = structlog.get_logger("receiver.audit")


@dataclass(frozen=True)
class Finding:
    """The result of a check."""

    overdue: int
    """Overdue rows."""
    oldest: datetime | None
    """When the oldest of them was due."""
    unattended: tuple[str, ...]
    """Ids of incidents whose escalation is overdue."""
    unanswered: tuple[str, ...] = ()
    """Ids of unacknowledged incidents without further escalation, including those that had no one to page."""


class Auditor:
    """Checks periodically; a check writes nothing."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        follower: IncidentFollower,
        due: DueSet,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """Every replica has one, because another may see what this one cannot."""
        self.setting = setting
        self.follower = follower
        self.due = due
        self.clock = clock
        self.metrics = metrics

    async def run(self) -> None:
        """Check every 15 s until canceled."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.audit(self.clock.now())
            except StoreAway as away:
                log.warning("overdue_check_failed", reason=str(away))

    async def audit(self, now: datetime) -> Finding:
        """Return what is late, and report it in metrics and log. Raises StoreAway."""
        setting = self.setting()
        edge = now - setting.lease - PATIENCE
        overdue, oldest_ms = await self.due.late(to_ms(edge))
        unattended, unanswered = await self._late(to_ms(edge))
        oldest = from_ms(oldest_ms) if oldest_ms is not None else None
        finding = Finding(overdue, oldest, tuple(unattended), tuple(unanswered))
        self.metrics.overdue.set(overdue)
        self.metrics.overdue_oldest.set(finding.oldest.timestamp() if finding.oldest else 0)
        self.metrics.unattended.set(len(unattended))
        self.metrics.unanswered.set(len(unanswered))
        if unanswered:
            log.error(
                "escalation_exhausted", incidents=unanswered[:20], hint="everyone was paged and no one has responded"
            )
        if overdue or unattended:
            log.error(
                "overdue_work_detected",
                rows=overdue,
                oldest=finding.oldest.isoformat() if finding.oldest else None,
                unattended=unattended[:20],
                hint="check for a replica whose loop is stuck, and for a vendor outage",
            )
        return finding

    async def _late(self, edge_ms: int) -> tuple[list[str], list[str]]:
        # Ids of incidents whose next page was due before then, and of those without further pages.
        await self.follower.catch_up()
        unattended, unanswered = [], []
        async for one in in_steps(self.follower.cache.open(), COMPARED):
            if one.call_ms is not None:
                if one.call_ms < edge_ms:
                    unattended.append(one.id)
            elif one.answer_ms is not None and one.answer_ms < edge_ms:
                unanswered.append(one.id)
        return unattended, unanswered
