"""Handles incidents that were superseded while this version could not read them, once it can."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from receiver.incident.alerts.superseded_incidents import SUPERSEDED, end_superseded, take_over_pages
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.model.base import to_ms
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.intake import Intake
from receiver.store.client.store_errors import IncidentUnreadable
from receiver.store.incidents.commit_request import StaleVersion
from receiver.store.incidents.incident_store import IncidentStore

AGAIN = timedelta(minutes=1)
"""Time between two attempts to read such an incident."""

log = structlog.get_logger("receiver.unreadable")


class SupersededIncidents:
    """Handles superseded incidents.

    Until this has checked one, nothing else reads it: it would page people for the same alerts as its successor.
    """

    def __init__(self, setting: Callable[[], ActiveConfig], incidents: IncidentStore, intake: Intake) -> None:
        """It has no state of its own."""
        self.setting = setting
        self.incidents = incidents
        self.intake = intake

    async def on_timer(self, uid: str, now: datetime) -> None:
        """Let the successor of `uid` take over, if both can be read. Raises StoreAway."""
        member = f"{uid} {SUPERSEDED}"
        readable = False
        with suppress(IncidentUnreadable):
            found = await self.incidents.superseded(uid)
            heir = await self.incidents.incident(found[1]) if found is not None else None
            readable = True
        if not readable:
            await self.intake.due.later(member, to_ms(now + AGAIN))
            return
        if found is None or heir is None or found[0].state.over:
            await self.incidents.stands(uid)
            await self.intake.due.drop_timer(member)
            return
        incident, setting = found[0], self.setting()
        taken = take_over_pages(heir, incident, now)
        try:
            if taken.events:
                verdict = IntakeDecision(Outcome.UPDATED, SUPERSEDED, taken.incident, taken.events)
                adopted = [(page, True) for page in taken.incident.pages[len(heir.pages) :]]
                await self.intake.writer.commit(verdict, setting, now, adopted=adopted)
                heir = taken.incident
            records = await self.incidents.records(uid)
            theirs = await self.incidents.records(heir.uid)
            verdict = end_superseded(incident, heir, records, theirs, setting.policy.of(incident), now)
            if verdict.events:
                await self.intake.writer.commit(verdict, setting, now)
        except StaleVersion:
            return  # it is retried when the lease has expired
        await self.incidents.stands(uid)
        await self.intake.due.drop_timer(member)
        log.info("superseded_incident_ended", incident=incident.id, by=heir.id)
