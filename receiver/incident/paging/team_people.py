"""The people of a team in the snapshot of an incident, which apply once a reload has removed the team. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from receiver.incident.oncall.contact_directory import ContactDirectory, UnknownName
from receiver.model.incident.policy_snapshot import Plan, TeamPeople
from receiver.model.oncall.schedule_settings import Contact, Person, Target


def take_team_people(
    directory: ContactDirectory,
    plan: Plan,
    pagers: Iterable[tuple[str, str]],
    letters: Iterable[tuple[str, str]],
    now: datetime,
) -> TeamPeople:
    """Return the people of every contact that `plan` names at `now`, their backups, and their addresses.

    `pagers` and `letters` are names and kinds of the channels whose addresses are kept.
    """
    contacts: dict[str, tuple[str, ...]] = {}
    backups: dict[str, tuple[str, ...]] = {}
    for one in plan.severities.values():
        for contact in (*one.page, *one.notify, *(name for step in one.steps for name in (*step.page, *step.notify))):
            with suppress(UnknownName):
                contacts[contact] = directory.people_of(contact, now)
                if backup := directory.backup_of(contact, now):
                    backups[contact] = backup
    addresses: dict[str, dict[str, str]] = {}
    names: dict[str, str] = {}
    channels = [*pagers, *letters]
    for person in dict.fromkeys(one for people in (*contacts.values(), *backups.values()) for one in people):
        with suppress(UnknownName):
            card = directory.person(person)
            names[person] = card.name
            addresses[person] = {name: at for name, kind in channels if (at := card.address(name, kind))}
    return TeamPeople(contacts=contacts, backups=backups, addresses=addresses, names=names)


def with_team_people(directory: ContactDirectory, kept: TeamPeople, *, every: bool) -> ContactDirectory:
    """Return `directory` with its removed contacts and people from the snapshot.

    `every`: contacts that it has are those that were kept as well, since the team itself is gone.
    """
    contacts = dict(directory.contacts)
    for name, people in kept.contacts.items():
        if people and (every or name not in contacts):
            contacts[name] = Contact(people=people, backup=_backup(kept, name))
    cards = {
        key: Person(name=kept.names.get(key, key), addresses=addresses)
        for key, addresses in kept.addresses.items()
        if key not in directory.people
    }
    return replace(directory, contacts=contacts, people={**cards, **directory.people})


def _backup(kept: TeamPeople, contact: str) -> Target | None:
    people = kept.backups.get(contact)
    return Target(people=people) if people else None
