"""Keeps the clocks of replicas in agreement even if the store's clock jumps, and due times consistent with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog

from receiver.clock import LONGEST_KEPT, Clock
from receiver.incident.log.event_log import Transition
from receiver.incident.log.misdated_times import dated_ahead
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.model.agreed_time import AgreedTime
from receiver.model.base import from_ms, to_ms
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.worker.timer_limits import longest_waits
from receiver.store.due.agreed_time import AgreedTimes
from receiver.store.due.due_set import DueSet
from receiver.store.incidents.commit_request import StaleVersion
from receiver.store.incidents.incident_store import IncidentStore

SHOW = 2.0
"""Interval in seconds at which a replica writes its time."""
CAP = 15.0
"""Seconds between two checks for due times that are too far ahead."""
PAGE_WAIT, INFORM_WAIT = 90_000, 960_000
"""The longest that a page, and anything else, waits for its next attempt, in milliseconds (delivery_results.py)."""
HOLD_WAIT = timedelta(minutes=2)
"""The longest that a notification is held."""
LEAST = timedelta(seconds=60)
"""How far ahead an incident must be dated before its times are moved."""
PAGE = 50
"""Incidents that are read at once."""

log = structlog.get_logger("receiver.clock")


class ClockAgreement:
    """One replica's part in the agreement about time (docs/adr/0013)."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        due: DueSet,
        incidents: IncidentStore,
        clock: Clock,
        intake: Callable[[], Intake],
    ) -> None:
        """Call `first` before using the clock."""
        self.setting = setting
        self.due = due
        self.incidents = incidents
        self.clock = clock
        self.intake = intake
        self.times = AgreedTimes(due.connection)
        self.stepped: list[Callable[[datetime], None]] = []
        """Callbacks when the clock is set, with the time: at the first read of the store, and after a jump."""
        self.silent_ms: int | None = None
        """For how long no replica had written its time at the first read; None: none ever has."""
        self._steps: int | None = None
        self._shown: float | None = None
        self._capped: float | None = None
        self._repair = False

    async def first(self) -> None:
        """Follow the store's clock before this machine's clock is used. Raises StoreAway."""
        time_ms, agreed = await self.times.read()
        await self.compare(time_ms, agreed)
        if agreed.shown_ms is not None and self.silent_ms is None:
            self.silent_ms = to_ms(self.clock.now()) - agreed.shown_ms

    async def compare(self, time_ms: int, agreed: AgreedTime, took: float = 0.0) -> None:
        """Follow the agreed time; `took`: seconds of the round trip that read it. Raises StoreAway."""
        wanted = self.clock.look(from_ms(time_ms), agreed, took)
        steps, before = self.clock.steps, self._steps
        self._steps = steps
        if wanted is not None:
            event = "store_clock_jumped" if wanted.steps == agreed.steps else "clock_stepped"
            log.error(event, offset_s=round(wanted.offset_ms / 1000, 1), before_s=round(agreed.offset_ms / 1000, 1))
            await self.times.agree(agreed, wanted)
        if before is None or steps > before:
            self._repair, self._capped = before is not None or wanted is not None, None
            for call in self.stepped:
                call(self.clock.now())

    @property
    def waits(self) -> bool:
        """Whether `keep` has something to do."""
        since = self.clock.monotonic() - self._shown if self._shown is not None else SHOW
        return self._repair or since >= SHOW

    async def keep(self) -> None:
        """Write the time, reduce the offset from the store's clock, and cap due times that are too far ahead.

        Raises StoreAway.
        """
        moment = self.clock.monotonic()
        if self._shown is None or moment - self._shown >= SHOW:
            self._shown = moment
            await self.times.show(to_ms(self.clock.now()))
            await self._approach()
        if self._capped is None or moment - self._capped >= CAP:
            self._capped = moment
            await self.cap()
        if self._repair:
            self._repair = False
            await self._correct()

    async def cap(self) -> None:
        """Make work due now whose due time is further ahead than its maximum wait. Raises StoreAway."""
        setting, now = self.setting(), self.clock.now()
        rows = await self.times.cap_rows(_lanes(setting), to_ms(now))
        timers = await self.times.cap_timers(longest_waits(setting), to_ms(now))
        if rows or timers:
            log.warning("due_times_corrected", rows=rows, timers=timers)

    async def _approach(self) -> None:
        # Reduce the offset: at once if nothing is due soon, else by so little that no step is late.
        time_ms, agreed = await self.times.read()
        if not agreed.offset_ms:
            return
        within = round(LONGEST_KEPT * 1000)
        if await self.times.quiet(self.due.lanes, to_ms(self.clock.now()) + within):
            wanted: AgreedTime | None = AgreedTime(0, time_ms, 0, agreed.steps + 1)
        else:
            wanted = self.clock.slewed(agreed)
        if wanted is not None and await self.times.agree(agreed, wanted) and not wanted.offset_ms:
            log.warning("clock_synchronized", offset_s=round(agreed.offset_ms / 1000, 1))

    async def _correct(self) -> None:
        # After a jump back, work dated ahead would wait for as long as the clock was wrong.
        now = self.clock.now()
        await self.intake().watchdogs.cap(self.setting().watchdogs_by, to_ms(now))
        far = await self.times.far_timers(to_ms(now + HOLD_WAIT))
        held = {member: 0 for member in far if member.startswith("held ")}
        await self.times.cap_timers(held, to_ms(now))
        uids = list(
            dict.fromkeys(member.split(" ", 1)[0] for member in far if not member.startswith(("held ", "sys ")))
        )
        for first in range(0, len(uids), PAGE):
            for incident in await self.incidents.many(uids[first : first + PAGE]):
                await self._correct_one(incident, now)

    async def _correct_one(self, incident: Incident, now: datetime) -> None:
        by = dated_ahead(incident, now)
        if by < LEAST:
            return
        by = max(by, self.clock.set_back)  # its last event may be older than the step
        draft = Transition(incident, Actor(kind=ActorKind.TIMER, name="clock"), now)
        text = f"the clock was wrong: times of this incident are moved back by {by.total_seconds() / 3600:.1f} h"
        data = {"by": by.total_seconds(), "after": now.isoformat()}
        draft.add(Kind.CLOCK_CORRECTED, "clock_was_wrong", text, data)
        verdict = IntakeDecision(Outcome.UPDATED, "clock_was_wrong", draft.incident, draft.events)
        try:
            await self.intake().writer.commit(verdict, self.setting(), now)
        except StaleVersion:
            self._repair = True  # a person works on it, or another replica has done it: checked once more
            return
        log.warning("incident_times_corrected", incident=incident.id, by_s=round(by.total_seconds()))


def _lanes(setting: ActiveConfig) -> Mapping[str, int]:
    # How far ahead a row of each lane may be due.
    page = max(PAGE_WAIT, 2 * setting.lease_ms)
    found: dict[str, int] = {}
    for name, channel in setting.channels.items():
        found[f"{name}!"] = page
        found[name] = INFORM_WAIT if channel.informs or not channel.paging else page
    return found
