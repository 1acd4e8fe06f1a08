"""Secret addresses of calendars: each gives read access to one schedule. Only their hashes are stored."""

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
"""Random bytes of an address, so that it cannot be guessed."""

log = structlog.get_logger("receiver.duty")


class NoAddress(LookupError):
    """The address does not exist."""


@dataclass(frozen=True)
class Subscriber:
    """The person and the schedule of an address."""

    schedule: str
    person: str


class CalendarAddresses:
    """One address for each schedule and person; a new one replaces the previous one."""

    def __init__(self, overrides: Overrides) -> None:
        """`duty` has the schedules and the shared documents."""
        self.overrides = overrides

    async def make(self, schedule: str, person: str, actor: Actor, now: datetime) -> tuple[Subscriber, str]:
        """Return the person and schedule of a new address, and its secret part, which is only shown now.

        Raises ImpossibleCommand for an unknown name, SharedDocumentsFull, StoreAway.
        """
        whose = self._whose(schedule, person)
        token = secrets.token_urlsafe(BYTES)
        document = {
            "schedule": whose.schedule, "person": whose.person, "hash": _hash(token), "by": actor.name,
            "at": rfc3339(now),
        }  # fmt: skip
        await self.overrides.shared_documents.put(CALENDAR, _key(whose), document)
        await self.overrides.reread()
        log.info("calendar_address_created", schedule=whose.schedule, person=whose.person, by=actor.name)
        return whose, token

    async def end(self, schedule: str, person: str, actor: Actor) -> Subscriber:
        """End the address of a schedule and person. Raises NoAddress, ImpossibleCommand, StoreAway."""
        whose = self._whose(schedule, person)
        if not await self.overrides.shared_documents.take(CALENDAR, _key(whose)):
            raise NoAddress("there is no such address")
        await self.overrides.reread()
        log.info("calendar_address_ended", schedule=whose.schedule, person=whose.person, by=actor.name)
        return whose

    def find(self, token: str) -> Subscriber:
        """Return the owner of the address with this secret part. Raises NoAddress.

        People and schedules that are no longer in the configuration have none.
        """
        given, found = _hash(token), None
        for document in self.overrides.schedules.posted().get(CALENDAR, {}).values():
            # All of them are compared, so that the time does not reveal which one matched.
            if hmac.compare_digest(str(document.get("hash", "")), given):
                found = Subscriber(str(document.get("schedule", "")), str(document.get("person", "")))
        directory = self.overrides.schedules.directory
        if found is None or found.schedule not in directory.schedules or found.person not in directory.people:
            raise NoAddress("page not found")
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
