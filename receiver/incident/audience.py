"""Events -> who hears of it, where: pages to people, messages to the channels that inform."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from receiver.incident.directory import Directory
from receiver.model.base import to_ms
from receiver.model.event import Destination
from receiver.model.incident import Incident, Page
from receiver.model.severity import Severity

KEY_LIMIT = 255
"""Characters of a deduplication key at PagerDuty (contract, Events v2)."""
HOLD = timedelta(seconds=60)
"""How long an alert that fires again with the startsAt of its own end is held (architecture.md, Identities)."""


@dataclass(frozen=True)
class Policy:
    """The configuration as decisions need it."""

    namespace: str
    directory: Directory
    pagers: tuple[tuple[str, str], ...]
    """Name and kind of the complete channels that can ring a person."""
    informs: tuple[Destination, ...]
    """Where incidents are told of."""
    monitor_for: timedelta
    auto_resolve: bool
    reopen_within: timedelta


@dataclass(frozen=True)
class Unreached:
    """Somebody who was to be paged and is not, and why: `already_paged`, `unreachable` or `nobody`."""

    contact: str
    person: str | None
    reason: str


def page_key(namespace: str, key: str, episode: int, person: str, ring: int) -> str:
    """Return the vendor's deduplication key of one ring at one person.

    It needs no store, so that two replicas and the emergency path make the same one.
    """
    text = f"{namespace}/{key}/{episode}/{person}/{ring}"
    return text if len(text) <= KEY_LIMIT else hashlib.sha256(text.encode()).hexdigest()


def episode_of(starts: Iterable[datetime]) -> int:
    """Return the earliest of the startsAt in milliseconds: what tells one outage of a group from its next."""
    return min((to_ms(moment) for moment in starts), default=0)


def pages(
    policy: Policy,
    contacts: Iterable[str],
    *,
    key: str,
    episode: int,
    ring: int,
    paged: Iterable[Page],
    step: str,
    now: datetime,
) -> tuple[list[Page], list[Unreached]]:
    """Return the pages that `contacts` call for now, and who is passed over.

    `paged` are the pages made so far: nobody is rung twice in one ring.
    """
    rung = {page.person for page in paged if page.ring == ring}
    made: list[Page] = []
    passed: list[Unreached] = []
    for contact in contacts:
        people = policy.directory.people_of(contact, now)
        if not people:
            passed.append(Unreached(contact, None, "nobody"))
        for person in people:
            if person in rung:
                passed.append(Unreached(contact, person, "already_paged"))
                continue
            roads = _roads(policy, person)
            if not roads:
                passed.append(Unreached(contact, person, "unreachable"))
                continue
            rung.add(person)
            made.extend(
                Page(
                    key=page_key(policy.namespace, key, episode, person, ring),
                    channel=channel,
                    person=person,
                    contact=contact,
                    address=address,
                    step=step,
                    ring=ring,
                    at=now,
                )
                for channel, address in roads
            )
    return made, passed


def _roads(policy: Policy, person: str) -> list[tuple[str, str]]:
    card = policy.directory.person(person)
    found = ((channel, card.address(channel, kind)) for channel, kind in policy.pagers)
    return [(channel, address) for channel, address in found if address]


def informed(policy: Policy, severity: Severity, incident: Incident, now: datetime) -> tuple[str, ...]:
    """Return the people whom `severity` informs (never the pager) and who have not heard of it yet."""
    known = set(incident.notified) | {page.person for page in incident.pages}
    people: dict[str, None] = {}
    for contact in policy.directory.severity(severity).notify:
        people.update(
            dict.fromkeys(person for person in policy.directory.people_of(contact, now) if person not in known)
        )
    return tuple(people)


def destination(page: Page) -> Destination:
    """Return where a page goes: its own row, so that one bad key holds up nobody else."""
    return Destination(channel=page.channel, address=page.key, paging=True)


def pagers_of(incident: Incident) -> tuple[Destination, ...]:
    """Return the destinations of every page that was made: a resolve goes to every key that was attempted."""
    return tuple(destination(page) for page in incident.pages)
