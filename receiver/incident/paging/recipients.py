"""Contacts -> the people who are paged or notified, and their addresses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from receiver.incident.oncall.contact_directory import UnknownName
from receiver.incident.paging.policy import Policy
from receiver.model.incident.event import Destination
from receiver.model.incident.incident import Incident


@dataclass(frozen=True)
class Recipient:
    """A contact to page: its people, and their stand-ins if none of them can be reached."""

    contact: str
    people: tuple[str, ...]
    standing_in: tuple[str, ...] = ()
    missing: str | None = None
    """Why there are no people: `nobody` or `unknown_contact`."""


def find_recipients(
    policy: Policy, contacts: Iterable[str], now: datetime, fallback: Iterable[str] = ()
) -> list[Recipient]:
    """Return the recipients of `contacts` at `now`.

    A contact that is no longer configured is replaced by `fallback`, the contacts of the severity.
    """
    found = []
    for contact in contacts:
        people, gone = people_of(policy, contact, now)
        standing_in = backup_of(policy, contact, now)
        if gone:
            standing_in = tuple(p for other in fallback for p in people_of(policy, other, now)[0])
        missing = None if people else "unknown_contact" if gone else "nobody"
        found.append(Recipient(contact, people, standing_in, missing))
    return found


def people_of(policy: Policy, contact: str, now: datetime) -> tuple[tuple[str, ...], bool]:
    """Return the people of `contact` at `now`, and whether the configuration has no such contact (anymore)."""
    try:
        return policy.directory.people_of(contact, now), False
    except UnknownName:
        other = _of_another_team(policy, contact)
        return people_of(*other, now) if other else ((), True)


def backup_of(policy: Policy, contact: str, now: datetime) -> tuple[str, ...]:
    """Return the backup of `contact` at `now`; empty if there is no such contact or backup."""
    try:
        return policy.directory.backup_of(contact, now)
    except UnknownName:
        other = _of_another_team(policy, contact)
        return backup_of(*other, now) if other else ()


def _of_another_team(policy: Policy, contact: str) -> tuple[Policy, str] | None:
    # `payments/on-call`: a contact of another team that was paged.
    team, stroke, name = contact.partition("/")
    return (policy.teams[team], name) if stroke and team and team in policy.teams and team != policy.team else None


def pager_addresses(policy: Policy, person: str) -> list[tuple[str, str]]:
    """Return the channels that can page `person`, with the address there; none for an unknown person."""
    try:
        card = policy.directory.person(person)
    except UnknownName:
        return []
    found = ((channel, card.address(channel, kind)) for channel, kind in policy.pagers)
    return [(channel, address) for channel, address in found if address]


def address_of(policy: Policy, person: str, channel: str) -> str | None:
    """Return the address of `person` on `channel`; None if the configuration has no such person or address."""
    return dict(pager_addresses(policy, person)).get(channel)


def find_informed(policy: Policy, contacts: Iterable[str], incident: Incident, now: datetime) -> tuple[str, ...]:
    """Return the people of `contacts` and of the audiences (never the pager) who have not been notified yet."""
    known = set(incident.notified) | {page.person for page in incident.pages if page.ring == incident.ring}
    people: dict[str, None] = {}
    for contact in (*contacts, *_listening(policy, incident)):
        found, _ = people_of(policy, contact, now)
        people.update(dict.fromkeys(person for person in found if person not in known))
    return tuple(people)


def _listening(policy: Policy, incident: Incident) -> list[str]:
    visible = policy.visible(incident.labels, incident.decision.scope)
    return [
        contact
        for listener in policy.listeners
        if incident.severity in listener.severities
        and listener.matches(incident.labels)
        and (listener.when is None or visible is True)
        for contact in listener.notify
    ]


def email_destinations(policy: Policy, people: Iterable[str]) -> tuple[Destination, ...]:
    """Return the mail destinations of `people`, one per address; people without an address are left out."""
    found: dict[Destination, None] = {}
    for person in people:
        try:
            card = policy.directory.person(person)
        except UnknownName:
            continue
        for channel, kind in policy.letters:
            address = card.address(channel, kind)
            if address:
                found[Destination(channel=channel, address=address, personal=True)] = None
    return tuple(found)
