"""The directory: resolves names in the configuration to people, and severities to their policy. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from receiver.incident.oncall.on_call_shift import Roster, Shift
from receiver.model.oncall.schedule_settings import Contact, Override, Person, Schedule, Target
from receiver.model.severity import Severity
from receiver.model.severity_policy import Audience, Escalation, SeveritySettings


def service_key(contact: str) -> str:
    """Return the key of the PagerDuty service of a contact among the people."""
    return f"{contact}@pagerduty"


class UnknownName(LookupError):
    """A name that the configuration does not have (anymore): a reload may have removed it."""

    def __init__(self, what: str, name: str) -> None:
        """Keep what kind of thing `name` should have been."""
        super().__init__(f"no {what} is named {name}")
        self.what = what
        self.name = name


@dataclass(frozen=True)
class ContactDirectory:
    """The people who can be paged, and the policy of each severity."""

    people: Mapping[str, Person]
    contacts: Mapping[str, Contact]
    schedules: Mapping[str, Schedule]
    severities: Mapping[Severity, SeveritySettings]
    escalations: Mapping[str, Escalation]
    audiences: tuple[Audience, ...] = ()
    overrides: tuple[Override, ...] = ()
    """Overrides that were made at run time."""
    services: Mapping[str, str] = field(default_factory=dict)
    """Contacts that are a team's own PagerDuty services, each with its key among the people."""
    own: tuple[str, ...] | None = None
    """The schedules whose people are paged for all hands; None: every schedule."""

    def people_of(self, contact: str, now: datetime) -> tuple[str, ...]:
        """Return the keys of the people of `contact` at `now`. Raises UnknownName."""
        found = self._contact(contact)
        if found.routing_key is not None:
            key = service_key(self.services.get(contact, contact))
            return (key,) if key in self.people else ()
        return self._reach(found, now)

    def backup_of(self, contact: str, now: datetime) -> tuple[str, ...]:
        """Return the keys of the people who back `contact` up at `now`, empty without a backup. Raises UnknownName."""
        backup = self._contact(contact).backup
        return self._reach(backup, now) if backup else ()

    def answers_within(self, contact: str) -> float | None:
        """Return the response time of the schedule of `contact` in seconds; None: that of the severity."""
        target = self.contacts.get(contact)
        schedule = self.schedules.get(target.schedule) if target and target.schedule else None
        return schedule.respond_within.total_seconds() if schedule and schedule.respond_within else None

    def person(self, key: str) -> Person:
        """Return the person of that key. Raises UnknownName."""
        if key not in self.people:
            raise UnknownName("person", key)
        return self.people[key]

    def severity(self, severity: Severity) -> SeveritySettings:
        """Return the policy of `severity`; a loaded configuration has all four. Raises UnknownName."""
        if severity not in self.severities:
            raise UnknownName("severity", severity)
        return self.severities[severity]

    def escalation(self, severity: Severity) -> Escalation | None:
        """Return the escalation that the policy of `severity` names, None when it names none. Raises UnknownName."""
        name = self.severity(severity).escalation
        if name is None:
            return None
        if name not in self.escalations:
            raise UnknownName("escalation", name)
        return self.escalations[name]

    @property
    def hands(self) -> tuple[Schedule, ...]:
        """The schedules whose people are paged for all hands."""
        return tuple(one for name, one in self.schedules.items() if self.own is None or name in self.own)

    def shift(self, schedule: str, now: datetime) -> Shift:
        """Return who is on call at `now`; None: no one. Raises UnknownName."""
        return self.roster(schedule).at(now)

    def roster(self, schedule: str) -> Roster:
        """Return the schedule with all vacations and overrides. Raises UnknownName."""
        if schedule not in self.schedules:
            raise UnknownName("schedule", schedule)
        if schedule not in self._rosters:
            made = [one for one in self.overrides if one.schedule == schedule]
            self._rosters[schedule] = Roster(self.schedules[schedule], self.people, made)
        return self._rosters[schedule]

    @cached_property
    def _rosters(self) -> dict[str, Roster]:
        return {}

    def _contact(self, name: str) -> Contact:
        if name not in self.contacts:
            raise UnknownName("contact", name)
        return self.contacts[name]

    def _reach(self, target: Target, now: datetime) -> tuple[str, ...]:
        if target.schedule is not None:
            person = self.shift(target.schedule, now).person
            return () if person is None else (person,)
        return tuple(dict.fromkeys(target.people or (target.person or "",)))
