"""Announces due hand-offs with the checklist, and reminds people if no one accepts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import structlog

from receiver.incident.oncall.handoff_checklist import ACCEPT_WITHIN, HandOff, handoff_reminder, handoff_text
from receiver.incident.oncall.shift_offers import PLANNED, plan_moment, plan_text
from receiver.model.base import rfc3339, to_ms
from receiver.model.incident.event import Destination
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.oncall.handoff_summary import gather_handoff_contents
from receiver.pipeline.oncall.on_call_overview import OnCallOverview
from receiver.pipeline.oncall.schedule_channel import place_of
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.shared_documents import ACCEPTED, HANDED_OFF, OFFER, OVERRIDE, TAKEN_BACK, Documents
from receiver.store.due.due_set import DueSet
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.incidents.review_record_reader import ReviewRecordReader
from receiver.store.shared_documents import SharedDocuments

LATE = timedelta(hours=4)
"""Maximum age of a hand-off that is announced. Less than the 7 days for which `once` is kept."""
LOOK = timedelta(minutes=5)
"""Maximum time between two checks, because a reload or an override may move a hand-off."""
PLAN_SHIFTS = 50
"""Maximum number of shifts in a weekly plan."""
KEPT = {
    OFFER: timedelta(days=60), OVERRIDE: timedelta(days=400), ACCEPTED: timedelta(days=60),
    TAKEN_BACK: timedelta(days=60),
}  # fmt: skip
"""How long past overrides and hand-offs are kept: the calendar shows 30 days, reports a year."""

log = structlog.get_logger("receiver.duty")


class Handoffs:
    """Notifies people of hand-offs."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        schedules: OnCallOverview,
        shared_documents: SharedDocuments,
        due: DueSet,
        incidents: IncidentStore,
        cache: IncidentCache,
        review_records: ReviewRecordReader,
    ) -> None:
        """The work loop calls `hand_off` when it is due, and sends the due work."""
        self.setting = setting
        self.schedules = schedules
        self.shared_documents = shared_documents
        self.due = due
        self.incidents = incidents
        self.cache = cache
        self.review_records = review_records

    async def hand_off(self, now: datetime) -> datetime | None:
        """Announce due hand-offs, remind people of unaccepted ones, and return when to check again."""
        _, documents = await self.shared_documents.read()
        directory, again = self.setting().policy.directory, now + LOOK
        for name, schedule in directory.schedules.items():
            place = place_of(self.setting(), name)
            if place is None:
                continue
            to, of_team = place
            if schedule.weekly_plan or (schedule.weekly_plan is None and of_team):
                await self._plan(name, schedule.timezone, to, now)
            again = min(again, directory.roster(name).at(now).until)
            handing = self.schedules.handing(name, now)
            if handing is None:
                continue
            told_at = await self._told(handing, to, documents, now)
            if told_at is None or self.schedules.accepted(handing, documents) is not None:
                continue
            remind_at = told_at + (schedule.respond_within or ACCEPT_WITHIN)
            if now < remind_at:
                again = min(again, remind_at)
            elif now - remind_at < LATE:
                await self._remind(handing, to, now)
        await self._tidy(documents, now)
        return again

    async def _plan(self, name: str, zone: str, to: Destination, now: datetime) -> None:
        at = plan_moment(now, zone)
        if not at <= now < at + LATE:
            return
        shifts = list(islice(self.schedules.shifts(name, at, PLANNED), PLAN_SHIFTS))
        memory = {"text": plan_text(name, shifts, self.schedules.people, zone)}
        if await self._owe(f"plan {name} {to_ms(at)}", to, memory, now):
            log.info("weekly_plan_posted", schedule=name, shifts=len(shifts))

    async def _told(self, handing: HandOff, to: Destination, documents: Documents, now: datetime) -> datetime | None:
        # When it was announced, now or before; None if it was not announced and is too old.
        last = documents.get(HANDED_OFF, {}).get(handing.schedule, {})
        if last.get("key") == handing.key:
            return datetime.fromisoformat(last["at"])
        if now - handing.at >= LATE:
            return None
        setting = self.setting()
        edition = last.get("edition")
        changed = None if edition is None else edition != setting.edition
        stands = await gather_handoff_contents(
            self.cache, self.incidents, self.review_records, setting, handing, changed, now
        )
        said = handoff_text(handing, stands, self.schedules.people)
        memory = {"text": said, "mentions": [handing.incoming]}
        if await self._owe(f"handoff {handing.key}", to, memory, now):
            log.info("handoff_announced", schedule=handing.schedule, person=handing.incoming)
        document = {"key": handing.key, "at": rfc3339(now), "edition": setting.edition}
        await self.shared_documents.put(HANDED_OFF, handing.schedule, document)
        return now

    async def _remind(self, handing: HandOff, to: Destination, now: datetime) -> None:
        people = [one for one in (handing.incoming, handing.outgoing) if one]
        memory = {"text": handoff_reminder(handing, self.schedules.people), "mentions": people}
        if await self._owe(f"handoff-reminder {handing.key}", to, memory, now):
            log.info("handoff_reminded", schedule=handing.schedule, person=handing.incoming)

    async def _owe(self, once: str, to: Destination, memory: Mapping[str, Any], now: datetime) -> bool:
        member = f"- {to.channel} {once}"
        return await self.due.owe([(member, to.channel, to, dict(memory))], to_ms(now), once)

    async def _tidy(self, documents: Documents, now: datetime) -> None:
        for kind, field in ((OFFER, "until"), (OVERRIDE, "until"), (ACCEPTED, "at"), (TAKEN_BACK, "at")):
            for key, document in documents.get(kind, {}).items():
                if datetime.fromisoformat(document[field]) < now - KEPT[kind]:
                    await self.shared_documents.take(kind, key)
