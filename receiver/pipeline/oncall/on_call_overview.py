"""What there is to know about schedules: who is on call, who follows, what is amiss. It asks no store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from receiver.incident.name_lookup import find_name
from receiver.incident.oncall.contact_directory import ContactDirectory
from receiver.incident.oncall.handoff_checklist import HandOff as HandOff
from receiver.incident.oncall.handoff_checklist import find_handoff
from receiver.incident.oncall.icalendar_export import TYPE as TYPE
from receiver.incident.oncall.icalendar_export import calendar_of
from receiver.incident.oncall.on_call_shift import Roster
from receiver.incident.oncall.on_call_shift import Shift as Shift
from receiver.incident.oncall.shift_preflight import Preflight as Preflight
from receiver.incident.oncall.shift_preflight import check_shifts
from receiver.model.oncall.schedule_settings import Override
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.shared_documents import ACCEPTED, Documents


@dataclass(frozen=True)
class AcceptedHandoff:
    """A hand-off that somebody has accepted."""

    handing: HandOff
    by: str
    at: datetime


class OnCallOverview:
    """The schedules in force, with what was put up at run time."""

    def __init__(self, setting: Callable[[], ActiveConfig], posted: Callable[[], Documents]) -> None:
        """`posted` is what stands on the board, as it was last read."""
        self.setting = setting
        self.posted = posted

    @property
    def directory(self) -> ContactDirectory:
        """Everybody who can be called."""
        return self.setting().policy.directory

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the schedules, in the order of the configuration."""
        return tuple(self.directory.schedules)

    @property
    def people(self) -> dict[str, str]:
        """How each person is called, by the key of `people`."""
        return {key: one.name for key, one in self.directory.people.items()}

    def at(self, schedule: str, now: datetime) -> Shift:
        """Return the shift that holds at `now`. Raises Impossible for an unknown schedule."""
        return self._roster(schedule)[1].at(now)

    def shifts(self, schedule: str, begins: datetime, lasts: timedelta) -> Iterator[Shift]:
        """Return the shifts from `begins` on, gaps among them. Raises Impossible for an unknown schedule."""
        return self._roster(schedule)[1].shifts(begins, begins + lasts)

    def overrides(self, now: datetime) -> list[Override]:
        """Return the overrides made at run time that hold, or are to come, the earliest first."""
        return sorted((one for one in self.directory.overrides if one.until > now), key=lambda one: (one.from_, one.id))

    def calendar(self, schedule: str, now: datetime, realm: str, person: str | None = None) -> bytes:
        """Return a schedule as iCalendar; `realm` tells this installation; `person`: the shifts of this one alone.

        Raises Impossible for an unknown schedule.
        """
        name, roster = self._roster(schedule)
        return calendar_of(name, roster, self.people, now, realm, person)

    def preflight(self, now: datetime) -> Preflight:
        """Return who is unreachable, and which hours nobody holds, in the next 14 days."""
        return check_shifts(self.directory, self.setting().policy.pagers, now)

    def handing(self, schedule: str, now: datetime) -> HandOff | None:
        """Return the hand-off with which the present shift of `schedule` began, None when nobody took over.

        Raises Impossible for an unknown schedule.
        """
        name, roster = self._roster(schedule)
        return find_handoff(name, roster, roster.at(now))

    def accepted(self, handing: HandOff | None, documents: Documents | None = None) -> AcceptedHandoff | None:
        """Return who has accepted `handing`, None when nobody has; `documents` are read rather than what is known."""
        if handing is None:
            return None
        document = (self.posted() if documents is None else documents).get(ACCEPTED, {}).get(handing.key)
        return (
            AcceptedHandoff(handing, str(document["by"]), datetime.fromisoformat(document["at"])) if document else None
        )

    def _roster(self, schedule: str) -> tuple[str, Roster]:
        name = find_name(schedule, self.directory.schedules, "schedule")
        return name, self.directory.roster(name)
