"""Checks before a shift: who cannot be reached, and which hours no one covers. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from receiver.incident.oncall.contact_directory import ContactDirectory
from receiver.incident.oncall.on_call_shift import members
from receiver.incident.oncall.reachability import Unproved
from receiver.model.oncall.schedule_settings import Person, Target

AHEAD = timedelta(days=14)


@dataclass(frozen=True)
class Unreachable:
    """A person who may be paged but has no address on any paging channel."""

    person: str
    """A key of `people`."""
    name: str
    called_as: tuple[str, ...]
    """Why this person may be paged: `schedule primary`, `contact cto`."""
    log_only: bool = False
    """Whether pages for this person are written to a log, which reaches no one."""


@dataclass(frozen=True)
class Gap:
    """Hours that no one covers."""

    schedule: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True)
class Preflight:
    """The result of the checks."""

    begins: datetime
    ends: datetime
    unreachable: tuple[Unreachable, ...]
    gaps: tuple[Gap, ...]
    unproved: tuple[Unproved, ...] = ()
    """Channels without a recent answered test page; none without `reachability.prove_every`."""

    @property
    def good(self) -> bool:
        """Whether everyone can be reached, with the required test pages answered, and every hour is covered."""
        return not self.unreachable and not self.gaps and not self.unproved


def check_shifts(
    directory: ContactDirectory,
    pagers: Sequence[tuple[str, str]],
    now: datetime,
    ahead: timedelta = AHEAD,
    mute: Collection[str] = (),
) -> Preflight:
    """Return who is unreachable and which hours no one covers from `now` on.

    `pagers`: name and kind of the complete channels that page. `mute`: those among them that wake no one (the log). The
    check covers everyone who is or may come on call in a schedule, and everyone whom a severity or an escalation pages,
    including backups.
    """
    called, found = called_people(directory, now), []
    waking = [(name, kind) for name, kind in pagers if name not in mute]
    for key, sources in called.items():
        card = directory.people.get(key)
        if len(missing_addresses(card, waking)) == len(waking):
            written = len(missing_addresses(card, pagers)) < len(pagers)
            found.append(Unreachable(key, card.name if card else key, tuple(sources), written))
    ends = now + ahead
    gaps = [Gap(name, *span) for name in directory.schedules for span in directory.roster(name).gaps(now, ends)]
    return Preflight(now, ends, tuple(found), tuple(gaps))


def called_people(directory: ContactDirectory, now: datetime) -> dict[str, dict[str, None]]:
    """Return the people who may be paged, each with the reasons."""
    called: dict[str, dict[str, None]] = {}
    for source, person in _called(directory, now):
        called.setdefault(person, {})[source] = None
    return called


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
    # A schedule as a contact counts as the schedule.
    if target is None or target.schedule is not None:
        return ()
    return target.people or ((target.person,) if target.person else ())
