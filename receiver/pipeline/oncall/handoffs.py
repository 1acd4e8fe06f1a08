"""Hand-offs, told when they are due: the checklist where the schedule says, and a reminder when nobody accepts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from receiver.incident.oncall.handoff_checklist import ACCEPT_WITHIN, HandOff, handoff_reminder, handoff_text
from receiver.model.base import rfc3339, to_ms
from receiver.model.incident.event import Destination
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.oncall.handoff_summary import gather_handoff_contents
from receiver.pipeline.oncall.on_call_overview import OnCallOverview
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.shared_documents import ACCEPTED, HANDED_OFF, OVERRIDE, Documents
from receiver.store.due.due_set import DueSet
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.incidents.review_record_reader import ReviewRecordReader
from receiver.store.shared_documents import SharedDocuments

LATE = timedelta(hours=4)
"""A hand-off that is older is no news any more. Less than the 7 days for which `once` holds."""
LOOK = timedelta(minutes=5)
"""Between two looks: a reload or an override may have moved a hand-off."""
KEPT = {OVERRIDE: timedelta(days=400), ACCEPTED: timedelta(days=60)}
"""How long what is over stays on the board: the calendar shows 30 days back, reports count a year."""

log = structlog.get_logger("receiver.duty")


class Handoffs:
    """Tells people of hand-offs."""

    def __init__(
        self, setting: Callable[[], ActiveConfig], schedules: OnCallOverview, board: SharedDocuments, due: DueSet,
        incidents: IncidentStore,
        cache: IncidentCache, pasts: ReviewRecordReader,
    ) -> None:  # fmt: skip
        """The work loop calls `hand_off` when it is due, and sends what is owed."""
        self.setting = setting
        self.schedules = schedules
        self.board = board
        self.due = due
        self.incidents = incidents
        self.cache = cache
        self.pasts = pasts

    async def hand_off(self, now: datetime) -> datetime | None:
        """Tell of every hand-off that is due, remind of those nobody has accepted; return when to look again."""
        _, documents = await self.board.read()
        directory, again = self.setting().policy.directory, now + LOOK
        for name, schedule in directory.schedules.items():
            channel = self.setting().channels.get(schedule.handoff_channel or "")
            if channel is None or not channel.informs:
                continue
            to = Destination(channel=channel.name, address=channel.address())
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

    async def _told(self, handing: HandOff, to: Destination, documents: Documents, now: datetime) -> datetime | None:
        # When it was told, now or before; None when that was never done and comes too late.
        last = documents.get(HANDED_OFF, {}).get(handing.schedule, {})
        if last.get("key") == handing.key:
            return datetime.fromisoformat(last["at"])
        if now - handing.at >= LATE:
            return None
        setting = self.setting()
        edition = last.get("edition")
        changed = None if edition is None else edition != setting.edition
        stands = await gather_handoff_contents(self.cache, self.incidents, self.pasts, setting, handing, changed, now)
        said = handoff_text(handing, stands, self.schedules.people)
        memory = {"text": said, "mentions": [handing.incoming]}
        if await self._owe(f"handoff {handing.key}", to, memory, now):
            log.info("handoff_told", schedule=handing.schedule, person=handing.incoming)
        document = {"key": handing.key, "at": rfc3339(now), "edition": setting.edition}
        await self.board.put(HANDED_OFF, handing.schedule, document)
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
        for kind, field in ((OVERRIDE, "until"), (ACCEPTED, "at")):
            for key, document in documents.get(kind, {}).items():
                if datetime.fromisoformat(document[field]) < now - KEPT[kind]:
                    await self.board.take(kind, key)
