"""Rows of channels that are no longer configured: given up with a reason, and never silently."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import structlog

from receiver.model.base import from_ms, to_ms
from receiver.model.delivery.notice import Action, Notice
from receiver.model.incident.incident import Incident
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.delivery.delivery_results import DeliveryResults
from receiver.pipeline.outbox.notices import page_notice, stray_notice
from receiver.pipeline.supervision import run_step
from receiver.store.due.due_set import DueSet, LeasedRow, SendingOutcome
from receiver.store.due.lane_owners import LaneOwners
from receiver.store.incidents.incident_store import IncidentStore

GRACE = timedelta(seconds=60)
"""How long no replica may have served a lane before its rows are given up.

While a configuration is rolled out, replicas with either version have the channel and report it; a busy replica may
skip a few reports.
"""
MOST = 50
"""Number of rows that are claimed at once."""
REASON = "not_configured"
BACK = "its channel has just become available again"

log = structlog.get_logger("receiver.delivery")


class RowDecision(StrEnum):
    """What to do with a row that this replica cannot send."""

    TO_OTHERS = "to_others"
    OVER = "over"
    """There is nothing left to send."""
    GIVEN_UP = "given_up"


def why_undeliverable(channel: str, channels: Container[str], off: Mapping[str, str]) -> str | None:
    """Return why nothing can be sent through `channel`; None if sending is possible."""
    if channel in channels:
        return None
    why = off.get(channel)
    return f"channel {channel} is off ({why})" if why else f"channel {channel} is no longer configured"


def decide_orphaned_row(
    row: LeasedRow, notice: Notice | None, last_ms: int | None, since: datetime, now: datetime
) -> RowDecision:
    """Return what to do with `row`, whose pending message is `notice`.

    `last_ms`: when a replica last served its lane. `since`: since when this replica has listened without interruption.
    No replica could report anything while the store was unavailable.
    """
    if last_ms is not None and now - max(since, from_ms(last_ms)) < GRACE:
        return RowDecision.TO_OTHERS
    # Only for a page can this be determined without its channel.
    return RowDecision.OVER if row.to.paging and row.uid and notice is None else RowDecision.GIVEN_UP


class OrphanedRows:
    """Finds lanes that no replica serves."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        served: LaneOwners,
        due: DueSet,
        incidents: IncidentStore,
        results: DeliveryResults,
        off: Callable[[], dict[str, str]],
    ) -> None:
        """`off` says which channels are off, and why."""
        self.setting = setting
        self.served = served
        self.due = due
        self.incidents = incidents
        self.results = results
        self.off = off
        self._since: datetime | None = None
        self._looked: datetime | None = None

    async def check_lanes(self, now: datetime) -> None:
        """Report the lanes served here, and give up due rows in lanes that no replica serves. Raises StoreAway."""
        ours = self.setting().lanes
        await self.served.say(ours, to_ms(now))
        since = self._listening(now)
        if now - since < GRACE:
            return
        for lane in await self.served.silent(to_ms(now - GRACE)):
            if lane in ours:
                continue
            # Rows that become due later are checked later, because a replica may serve the lane by then.
            found = set[RowDecision]()
            while RowDecision.TO_OTHERS not in found and (rows := await self.due.claim(lane, to_ms(now), MOST)):
                found.update([await self._left(row, now) for row in rows])

    async def one(self, row: LeasedRow, now: datetime) -> None:
        """Handle a row whose channel is not configured here. Raises StoreAway."""
        await self._end(row, now)

    async def _left(self, row: LeasedRow, now: datetime) -> RowDecision:
        what = RowDecision.TO_OTHERS

        async def end() -> None:
            nonlocal what
            what = await self._end(row, now)

        # A row that cannot be handled is retried after its lease; the rows after it may be pages too.
        await run_step("tend", end, self.results.metrics, self.due.probe)
        return what

    def _listening(self, now: datetime) -> datetime:
        if self._since is None or self._looked is None or now - self._looked >= GRACE:
            self._since = now
        self._looked = now
        return self._since

    async def _end(self, row: LeasedRow, now: datetime) -> RowDecision:
        # Left to a replica that has the channel, or given up.
        setting = self.setting()
        incident = await self.incidents.incident(row.uid) if row.uid else None
        notice = _owed(row, incident, setting, now)
        what = decide_orphaned_row(row, notice, await self.served.last_ms(row.to.channel), self._since or now, now)
        match what:
            case RowDecision.TO_OTHERS:
                await self.due.complete(row, SendingOutcome.LATER, to_ms(now), again_ms=to_ms(now))
            case RowDecision.OVER:
                await self.results.record_outdated(row, incident, now)
            case RowDecision.GIVEN_UP:
                why = why_undeliverable(row.to.channel, setting.channels, self.off()) or BACK
                await self.results.park(row, notice, incident, REASON, why)
                if incident is None and notice is not None and notice.action is Action.TRIGGER:
                    await self.results.listener.use_fallback(None, notice, REASON)
        return what


def _owed(row: LeasedRow, incident: Incident | None, setting: ActiveConfig, now: datetime) -> Notice | None:
    if not row.uid:
        return stray_notice(row, setting, now)
    return page_notice(row, incident, setting, now) if row.to.paging and incident is not None else None
