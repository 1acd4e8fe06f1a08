"""The content that a row sends: read from the store now, or from this replica's memory if the lease would end first."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog

from receiver.channels.base import Channel
from receiver.clock import Clock
from receiver.model.delivery.notice import Action, AlertLine, Notice
from receiver.model.delivery.public_incident import PublicNews
from receiver.model.incident.incident import Incident
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.delivery.lease_time import in_time
from receiver.pipeline.delivery.shown_events import shown_events
from receiver.pipeline.open_incidents.unreadable_incidents import UnreadableIncidents
from receiver.pipeline.outbox.alert_lines import alert_lines
from receiver.pipeline.outbox.notices import document_notice, inform_notice, page_notice, stray_notice
from receiver.pipeline.outbox.outbox_rows import may_hear
from receiver.pipeline.outbox.page_actions import page_due
from receiver.pipeline.shared_documents import PROOF
from receiver.store.client.store_errors import IncidentUnreadable, StoreAway
from receiver.store.due.due_set import LeasedRow, UnreadableRow
from receiver.store.incidents.incident_store import IncidentStore

log = structlog.get_logger("receiver.delivery")


def calls_person(notice: Notice | None) -> bool:
    """Return whether a notice pages a person."""
    return notice is not None and notice.action is Action.TRIGGER


class RowNotices:
    """Builds the notices of leased rows."""

    def __init__(self, incidents: IncidentStore, clock: Clock) -> None:
        """`incidents` is read once for each row."""
        self.incidents = incidents
        self.clock = clock
        self.public: Callable[[Incident], PublicNews] | None = None
        """The parts of an incident that a page at a vendor may show."""
        self.issue: Callable[[LeasedRow, Notice], Awaitable[Notice]] | None = None
        """Adds the tokens to a page with which its person can answer it."""
        self.at_hand: Callable[[LeasedRow], Incident | None] = lambda row: None
        """Returns the incident of a row as this replica knew it when the row was leased; None if unknown."""
        self.unreadable = UnreadableIncidents(incidents)

    async def read(
        self, row: LeasedRow, setting: ActiveConfig, now: datetime, until: float
    ) -> tuple[Incident | None, tuple[AlertLine, ...] | None, bool]:
        """Return the incident of a row, the alerts of a page, and whether the incident was read from the store.

        The data of a page is read until `until`, in monotonic seconds; after that, this replica's data is used. Raises
        StoreAway; UnreadableRow, IncidentUnreadable if a later version wrote it.
        """
        if not row.whole and not (row.to.paging and row.uid and row.attempts):
            raise UnreadableRow(row.member)
        if not row.uid:
            return None, None, True
        uid, incidents = row.uid, self.incidents
        if not row.to.paging:
            return await incidents.incident(uid), None, True
        known = self.at_hand(row) if until < math.inf else None
        due = page_due(row, known) if known is not None else None
        calls = due is not None and due[1] is Action.TRIGGER
        try:
            if due is not None and not calls:
                # As far as this replica knows, it ends a page and names no alerts. If it turns out to page, they are
                # read.
                return await incidents.incident(uid), None, True
            # All data of a page at once: a store that takes half a second per command must not take two seconds.
            asked = incidents.ask_page(uid)
            # If the store is so slow that the lease ends before it answers, no replica would ever send the page.
            replies = await in_time(asked, until if calls else math.inf, self.clock)
            if replies is None:
                log.warning("leased_page_sent", id=row.member)
                return known, (), True
            incident, records, bodies = incidents.page_of(uid, replies)
        except IncidentUnreadable:
            # First a replica of the version that wrote it may handle it; after that, it is paged with the readable
            # parts.
            incident = await self.unreadable.to_page(row, setting.policy, now) if row.attempts else None
            if incident is None:
                raise
            return incident, (), False
        return incident, tuple(alert_lines(records, bodies)), True

    async def notice(
        self,
        row: LeasedRow,
        incident: Incident | None,
        lines: tuple[AlertLine, ...] | None,
        channel: Channel[Any],
        setting: ActiveConfig,
        now: datetime,
    ) -> Notice | None:
        """Return the notice of `row`, based on the result of `read`; None if there is nothing to send.

        Raises StoreAway.
        """
        if not row.uid:
            return stray_notice(row, setting, now)
        # An incident may have become private since the row was written.
        if incident is None or not may_hear(row.to, incident, setting):
            return None
        if row.to.paging:
            notice = page_notice(row, incident, setting, now)
            if notice is None or notice.action is not Action.TRIGGER:
                return notice
        else:
            if channel.documents:
                whole, receipts = await self.incidents.events(row.uid), await self.incidents.receipts(row.uid)
                return document_notice(row, incident, whole, setting, now, receipts)
            events = await shown_events(self.incidents, await self.incidents.events(row.uid, row.cursor))
            notice = inform_notice(row, incident, events, (), setting, now)
            if notice is None:
                return None
        if channel.publishes and self.public is not None:
            return notice.model_copy(update={"public": self.public(incident)})
        if incident.private:
            return notice  # its alerts are not named
        if lines is None:
            lines = tuple(alert_lines(await self.incidents.records(row.uid), await self.incidents.bodies(row.uid)))
        return notice.model_copy(update={"alerts": lines})

    async def answerable(self, row: LeasedRow, notice: Notice, channel: Channel[Any], until: float) -> Notice:
        """Return `notice` with the tokens to answer it, if the store provides them by `until`."""
        # Without the store, a page has no buttons, but it can still be opened.
        of_a_page = row.uid or PROOF in row.memory
        if self.issue is None or not of_a_page or not calls_person(notice) or not channel.answerable():
            return notice
        with suppress(StoreAway):
            return await in_time(self.issue(row, notice), until, self.clock) or notice
        return notice
