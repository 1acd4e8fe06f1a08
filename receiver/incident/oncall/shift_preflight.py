"""Before the shift begins: who could not be reached, and which hours nobody holds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from receiver.incident.oncall.contact_directory import ContactDirectory
from receiver.incident.oncall.on_call_shift import members
from receiver.model.oncall.schedule_settings import Person, Target

AHEAD = timedelta(days=14)


@dataclass(frozen=True)
class Unreachable:
    """Somebody who may be paged and has no address on any channel that rings."""

    person: str
    """A key of `people`."""
    name: str
    called_as: tuple[str, ...]
    """What leads to this person: `schedule primary`, `contact cto`."""


@dataclass(frozen=True)
class Gap:
    """Hours that nobody holds."""

    schedule: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True)
class Preflight:
    """What was found."""

    begins: datetime
    ends: datetime
    unreachable: tuple[Unreachable, ...]
    gaps: tuple[Gap, ...]

    @property
    def good(self) -> bool:
        """Whether everybody can be reached and every hour is held."""
        return not self.unreachable and not self.gaps


def check_shifts(
    directory: ContactDirectory, pagers: Sequence[tuple[str, str]], now: datetime, ahead: timedelta = AHEAD
) -> Preflight:
    """Return who is unreachable and what nobody holds from `now` on.

    `pagers` are name and kind of the complete channels that can ring a person. Asked are everybody who is or may
    come on call in a schedule, and everybody whom a severity or an escalation pages, the backups included.
    """
    called: dict[str, dict[str, None]] = {}
    for source, person in _called(directory, now):
        called.setdefault(person, {})[source] = None
    found = []
    for key, sources in called.items():
        card = directory.people.get(key)
        if missing_addresses(card, pagers) == [name for name, _ in pagers]:
            found.append(Unreachable(key, card.name if card else key, tuple(sources)))
    ends = now + ahead
    gaps = [Gap(name, *span) for name in directory.schedules for span in directory.roster(name).gaps(now, ends)]
    return Preflight(now, ends, tuple(found), tuple(gaps))


def missing_addresses(card: Person | None, pagers: Iterable[tuple[str, str]]) -> list[str]:
    """Return the names of the channels of `pagers` on which this person has no address."""
    return [name for name, kind in pagers if card is None or not card.address(name, kind)]


def _called(directory: ContactDirectory, now: datetime) -> Iterator[tuple[str, str]]:
    for name, schedule in directory.schedules.items():
        made = [one.person for one in directory.overrides if one.schedule == name and one.until > now]
        for person in (*members(schedule, now), *made):
            yield f"schedule {name}", person
    contacts: dict[str, None] = {}
    for policy in directory.severities.values():
        contacts.update(dict.fromkeys(policy.page))
        escalation = directory.escalations.get(policy.escalation or "")
        for step in escalation.steps if escalation else ():
            contacts.update(dict.fromkeys(step.page))
    for name in contacts:
        contact = directory.contacts.get(name)
        for source, target in (
            (f"contact {name}", contact),
            (f"backup of {name}", contact.backup if contact else None),
        ):
            for person in _members(target):
                yield source, person


def _members(target: Target | None) -> tuple[str, ...]:
    # Whom a schedule means is asked as the schedule's.
    if target is None or target.schedule is not None:
        return ()
    return target.people or ((target.person,) if target.person else ())
