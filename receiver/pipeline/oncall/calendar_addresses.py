"""Secret addresses of calendars: who knows one may read one schedule, and nothing else. Only their hashes are kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

import structlog

from receiver.incident.name_lookup import find_name
from receiver.model.base import rfc3339
from receiver.model.incident.event import Actor
from receiver.pipeline.oncall.overrides import Overrides
from receiver.pipeline.shared_documents import CALENDAR

BYTES = 24
"""Random bytes of an address: nobody guesses it."""

log = structlog.get_logger("receiver.duty")


class NoAddress(LookupError):
    """Nobody has such an address."""


@dataclass(frozen=True)
class Subscriber:
    """Who has an address, and what of."""

    schedule: str
    person: str


class CalendarAddresses:
    """One address for each schedule and person; a new one ends the one before."""

    def __init__(self, overrides: Overrides) -> None:
        """`duty` knows the schedules and the board."""
        self.overrides = overrides

    async def make(self, schedule: str, person: str, actor: Actor, now: datetime) -> tuple[Subscriber, str]:
        """Return whose address it is, and the secret part of it, which is shown this once.

        Raises Impossible for a name that nobody has, BoardFull, StoreAway.
        """
        whose = self._whose(schedule, person)
        token = secrets.token_urlsafe(BYTES)
        document = {
            "schedule": whose.schedule, "person": whose.person, "hash": _hash(token), "by": actor.name,
            "at": rfc3339(now),
        }  # fmt: skip
        await self.overrides.board.put(CALENDAR, _key(whose), document)
        await self.overrides.reread()
        log.info("calendar_address", schedule=whose.schedule, person=whose.person, by=actor.name)
        return whose, token

    async def end(self, schedule: str, person: str, actor: Actor) -> Subscriber:
        """End the address of a schedule and person. Raises NoAddress, Impossible, StoreAway."""
        whose = self._whose(schedule, person)
        if not await self.overrides.board.take(CALENDAR, _key(whose)):
            raise NoAddress("there is no such address")
        await self.overrides.reread()
        log.info("calendar_address_ended", schedule=whose.schedule, person=whose.person, by=actor.name)
        return whose

    def find(self, token: str) -> Subscriber:
        """Return who has the address with this secret part. Raises NoAddress.

        Who has left the configuration, and a schedule that has, have none.
        """
        given, found = _hash(token), None
        for document in self.overrides.schedules.posted().get(CALENDAR, {}).values():
            # All of them are compared, so that the time says nothing about which one was near.
            if hmac.compare_digest(str(document.get("hash", "")), given):
                found = Subscriber(str(document.get("schedule", "")), str(document.get("person", "")))
        directory = self.overrides.schedules.directory
        if found is None or found.schedule not in directory.schedules or found.person not in directory.people:
            raise NoAddress("there is nothing here")
        return found

    def _whose(self, schedule: str, person: str) -> Subscriber:
        directory = self.overrides.schedules.directory
        return Subscriber(
            find_name(schedule, directory.schedules, "schedule"), find_name(person, directory.people, "person")
        )


def _key(whose: Subscriber) -> str:
    return hashlib.sha256(f"{whose.schedule}\n{whose.person}".encode()).hexdigest()[:32]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
