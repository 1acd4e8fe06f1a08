"""Rows of channels that are not in the configuration anymore: given up with the reason, and never silently."""

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
"""How long nobody may have served a lane before its rows are given up.

While a configuration is rolled out, replicas with the older or the newer one know the channel and say so; one that is
busy may leave out saying it a few times.
"""
MOST = 50
"""Rows that are claimed at once."""
REASON = "not_configured"

log = structlog.get_logger("receiver.delivery")


class RowDecision(StrEnum):
    """What becomes of a row that this replica cannot send."""

    TO_OTHERS = "to_others"
    OVER = "over"
    """There is nothing to be said anymore."""
    GIVEN_UP = "given_up"


def why_undeliverable(channel: str, channels: Container[str], off: Mapping[str, str]) -> str | None:
    """Return why nothing can be sent through `channel`; None when something can."""
    if channel in channels:
        return None
    why = off.get(channel)
    return f"channel {channel} is off ({why})" if why else f"channel {channel} is no longer configured"


def decide_orphaned_row(
    row: LeasedRow, notice: Notice | None, last_ms: int | None, since: datetime, now: datetime
) -> RowDecision:
    """Return what becomes of `row`, of which `notice` is pending.

    `last_ms`: when somebody last served its lane; `since`: when this replica began to listen without a break. Nobody
    could say anything while the store was away.
    """
    if last_ms is not None and now - max(since, from_ms(last_ms)) < GRACE:
        return RowDecision.TO_OTHERS
    # Only of a page it is known without its channel whether anything is left to be said.
    return RowDecision.OVER if row.to.paging and row.uid and notice is None else RowDecision.GIVEN_UP


class OrphanedRows:
    """One replica's eye on the lanes that nobody serves."""

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
        """Say which lanes are served here, and give up what is due in those that nobody serves. Raises StoreAway."""
        ours = self.setting().lanes
        await self.served.say(ours, to_ms(now))
        since = self._listening(now)
        if now - since < GRACE:
            return
        for lane in await self.served.silent(to_ms(now - GRACE)):
            if lane in ours:
                continue
            # What comes back later is looked at later; and somebody may have begun to serve the lane meanwhile.
            found = set[RowDecision]()
            while RowDecision.TO_OTHERS not in found and (rows := await self.due.claim(lane, to_ms(now), MOST)):
                found.update([await self._left(row, now) for row in rows])

    async def one(self, row: LeasedRow, now: datetime) -> None:
        """Take a row whose channel is not known here. Raises StoreAway."""
        await self._end(row, now)

    async def _left(self, row: LeasedRow, now: datetime) -> RowDecision:
        what = RowDecision.TO_OTHERS

        async def end() -> None:
            nonlocal what
            what = await self._end(row, now)

        # One that nothing can be made of comes back with its lease; those behind it are pages too.
        await run_step("tend", end, self.results.metrics, self.due.probe)
        return what

    def _listening(self, now: datetime) -> datetime:
        if self._since is None or self._looked is None or now - self._looked >= GRACE:
            self._since = now
        self._looked = now
        return self._since

    async def _end(self, row: LeasedRow, now: datetime) -> RowDecision:
        # Left to a replica that knows the channel, or given up.
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
                why = (
                    why_undeliverable(row.to.channel, setting.channels, self.off()) or "its channel has just come back"
                )
                await self.results.park(row, notice, incident, REASON, why)
                if incident is None and notice is not None and notice.action is Action.TRIGGER:
                    await self.results.listener.use_fallback(None, notice, REASON)
        return what


def _owed(row: LeasedRow, incident: Incident | None, setting: ActiveConfig, now: datetime) -> Notice | None:
    if not row.uid:
        return stray_notice(row, setting, now)
    return page_notice(row, incident, setting, now) if row.to.paging and incident is not None else None
