"""The auditor: a loop of its own that looks whether what is owed happens, and complains when it does not.

It shares nothing with the work loop but the store: a loop that stands still cannot say so of itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from receiver.clock import Clock
from receiver.incident.timing import timers
from receiver.metrics import Metrics
from receiver.model.base import from_ms, to_ms
from receiver.model.incident import Incident, State
from receiver.pipeline.setting import Setting
from receiver.store.connection import StoreAway
from receiver.store.due import Due
from receiver.store.incidents import Incidents

EVERY = 15.0
"""Seconds between two looks."""
PATIENCE = timedelta(seconds=30)
"""How late work may be beyond a lease before somebody has to look: a busy minute is no fault."""
CALLS = ("escalate", "answer", "lapse")
"""Timers that call people."""

log = structlog.get_logger("receiver.audit")


@dataclass(frozen=True)
class Finding:
    """What is late."""

    overdue: int
    """Due rows that nobody has done."""
    oldest: datetime | None
    """When the oldest of them was due."""
    unattended: tuple[str, ...]
    """Ids of incidents whose escalation is late."""
    unanswered: tuple[str, ...] = ()
    """Ids of incidents whose pages nobody has answered, or that had nobody to page, with nobody left to be called."""


class Auditor:
    """Looks now and then; a look writes nothing."""

    def __init__(
        self, setting: Callable[[], Setting], incidents: Incidents, due: Due, clock: Clock, metrics: Metrics
    ) -> None:
        """Every replica has one: what one cannot see another may."""
        self.setting = setting
        self.incidents = incidents
        self.due = due
        self.clock = clock
        self.metrics = metrics

    async def run(self) -> None:
        """Look every 15 s, for ever."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.look(self.clock.now())
            except StoreAway as away:
                log.warning("audit_blind", reason=str(away))

    async def look(self, now: datetime) -> Finding:
        """Return what is late, having said so in metrics and log. Raises StoreAway."""
        setting = self.setting()
        edge = now - setting.lease - PATIENCE
        overdue, oldest_ms = await self.due.late(to_ms(edge))
        unattended, unanswered = [], []
        for incident in await self.incidents.listing(open_only=True, most=10_000):
            if incident.state is State.MONITORING:
                continue
            due = [at for name, at in timers(incident, setting.policy).items() if name in CALLS and at is not None]
            if due and min(due) < edge:
                unattended.append(incident.id)
            elif not due and not incident.drill and _unanswered(incident, setting, edge):
                unanswered.append(incident.id)
        oldest = from_ms(oldest_ms) if oldest_ms is not None else None
        finding = Finding(overdue, oldest, tuple(unattended), tuple(unanswered))
        self.metrics.overdue.set(overdue)
        self.metrics.overdue_oldest.set(finding.oldest.timestamp() if finding.oldest else 0)
        self.metrics.unattended.set(len(unattended))
        self.metrics.unanswered.set(len(unanswered))
        if unanswered:
            log.error(
                "pages_unanswered", incidents=unanswered[:20], hint="everybody was called, and nobody has answered"
            )
        if overdue or unattended:
            log.error(
                "work_overdue",
                rows=overdue,
                oldest=finding.oldest.isoformat() if finding.oldest else None,
                unattended=unattended[:20],
                hint="is a replica's loop standing still, or a vendor away?",
            )
        return finding


def _unanswered(incident: Incident, setting: Setting, edge: datetime) -> bool:
    """Return whether the last page of this ring has waited longer than its severity allows, and nothing follows it.

    Where there was nobody to be paged, although somebody was to be, it has waited since it called for people.
    """
    if incident.state is not State.OPEN or incident.held is not None:
        return False
    plan = setting.policy.called(incident)
    rung = [page.at for page in incident.pages if page.ring == incident.ring]
    if not rung and (plan.page or any(step.page for step in plan.steps)):
        rung = [incident.ladder.since or incident.severity_at or incident.opened_at]
    return bool(rung) and max(rung) + timedelta(seconds=plan.respond) < edge
