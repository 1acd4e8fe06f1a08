"""An overview of the schedules: who is on call, who is next, and problems. It does not read the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from receiver.incident.name_lookup import find_name
from receiver.incident.oncall.contact_directory import ContactDirectory
from receiver.incident.oncall.handoff_checklist import HandOff as HandOff
from receiver.incident.oncall.handoff_checklist import find_handoff
from receiver.incident.oncall.icalendar_export import TYPE as TYPE
from receiver.incident.oncall.icalendar_export import calendar_of
from receiver.incident.oncall.on_call_shift import Roster
from receiver.incident.oncall.on_call_shift import Shift as Shift
from receiver.incident.oncall.reachability import Unproved, find_unproved, means_of
from receiver.incident.oncall.shift_preflight import Preflight as Preflight
from receiver.incident.oncall.shift_preflight import called_people, check_shifts
from receiver.model.oncall.schedule_settings import Override
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.response.reachability_tests import proofs_of
from receiver.pipeline.shared_documents import ACCEPTED, Documents


@dataclass(frozen=True)
class AcceptedHandoff:
    """An accepted hand-off."""

    handing: HandOff
    by: str
    at: datetime


class OnCallOverview:
    """The schedules in effect, with changes made at run time."""

    def __init__(self, setting: Callable[[], ActiveConfig], posted: Callable[[], Documents]) -> None:
        """`posted` returns the shared documents as last read."""
        self.setting = setting
        self.posted = posted

    @property
    def directory(self) -> ContactDirectory:
        """The people who can be paged."""
        return self.setting().policy.directory

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the schedules, in the order of the configuration."""
        return tuple(self.directory.schedules)

    @property
    def people(self) -> dict[str, str]:
        """The name of each person, by the key in `people`."""
        return {key: one.name for key, one in self.directory.people.items()}

    def at(self, schedule: str, now: datetime) -> Shift:
        """Return the shift at `now`. Raises ImpossibleCommand for an unknown schedule."""
        return self._roster(schedule)[1].at(now)

    def shifts(self, schedule: str, begins: datetime, lasts: timedelta) -> Iterator[Shift]:
        """Return the shifts from `begins` on, including gaps. Raises ImpossibleCommand for an unknown schedule."""
        return self._roster(schedule)[1].shifts(begins, begins + lasts)

    def overrides(self, now: datetime) -> list[Override]:
        """Return the current and future overrides made at run time, earliest first."""
        return sorted((one for one in self.directory.overrides if one.until > now), key=lambda one: (one.from_, one.id))

    def calendar(self, schedule: str, now: datetime, realm: str, person: str | None = None) -> bytes:
        """Return a schedule as iCalendar; `realm` identifies this installation; `person`: only this person's shifts.

        Raises ImpossibleCommand for an unknown schedule.
        """
        name, roster = self._roster(schedule)
        return calendar_of(name, roster, self.people, now, realm, person)

    def preflight(self, now: datetime) -> Preflight:
        """Return the people who cannot be reached, and coverage gaps, in the next 14 days."""
        policy = self.setting().policy
        found = check_shifts(self.directory, policy.pagers, now, mute=policy.mute)
        return replace(found, unproved=self.unproved(now))

    def reached(self, now: datetime) -> list[str]:
        """Return the people who may be paged and have an address on a paging channel."""
        policy = self.setting().policy
        pagers = [(name, kind) for name, kind in policy.pagers if name not in policy.mute]
        people = self.directory.people
        return [one for one in called_people(self.directory, now) if one in people and means_of(people[one], pagers)]

    def people_of_teams(self, teams: Collection[str], now: datetime) -> set[str]:
        """Return the people whom `teams` may page: those of their schedules and contacts."""
        views, found = self.setting().policy.teams, set[str]()
        for team in teams:
            if (view := views.get(team)) is not None:
                every = view.directory
                own = {name: one for name, one in every.schedules.items() if every.own is None or name in every.own}
                found |= called_people(replace(every, schedules=own), now).keys()
        return found

    def unproved(self, now: datetime) -> tuple[Unproved, ...]:
        """Return the channels by which people may be paged without a recent answered test page, if that is required."""
        policy, every = self.setting().policy, self.setting().prove_every
        if every is None:
            return ()
        pagers = [(name, kind) for name, kind in policy.pagers if name not in policy.mute]
        people = called_people(self.directory, now)
        return tuple(find_unproved(self.directory, people, pagers, proofs_of(self.posted()), every, now))

    def handing(self, schedule: str, now: datetime) -> HandOff | None:
        """Return the hand-off at the start of the current shift of `schedule`; None if no one is on call.

        Raises ImpossibleCommand for an unknown schedule.
        """
        name, roster = self._roster(schedule)
        return find_handoff(name, roster, roster.at(now))

    def accepted(self, handing: HandOff | None, documents: Documents | None = None) -> AcceptedHandoff | None:
        """Return who has accepted `handing`; None: no one. `documents`: used instead of the documents last read."""
        if handing is None:
            return None
        document = (self.posted() if documents is None else documents).get(ACCEPTED, {}).get(handing.key)
        return (
            AcceptedHandoff(handing, str(document["by"]), datetime.fromisoformat(document["at"])) if document else None
        )

    def _roster(self, schedule: str) -> tuple[str, Roster]:
        name = find_name(schedule, self.directory.schedules, "schedule")
        return name, self.directory.roster(name)
