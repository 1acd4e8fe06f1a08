"""Commits overrides and accepted hand-offs."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from receiver.incident.log.command_errors import InvalidField
from receiver.incident.name_lookup import find_name
from receiver.model.base import rfc3339, to_ms
from receiver.model.incident.event import Actor
from receiver.model.oncall.schedule_settings import Override
from receiver.pipeline.oncall.on_call_overview import AcceptedHandoff, OnCallOverview
from receiver.pipeline.response.command_handler import IdempotencyKeyReused
from receiver.pipeline.shared_documents import ACCEPTED, OVERRIDE, TAKEN_BACK
from receiver.store.due.due_set import DueSet
from receiver.store.incidents.commit_request import new_uid
from receiver.store.shared_documents import SharedDocuments, SharedDocumentsFull

HANDOFF = "handoff"
"""The name of the timer of hand-offs (pipeline/oncall/handoffs.py)."""
GRACE = timedelta(minutes=1)
"""How far in the past an override may begin, because a request with "now" arrives a little later."""
LONGEST = timedelta(days=400)
"""How long an override may last."""

log = structlog.get_logger("receiver.duty")


class PastOverride(Exception):
    """It is in the past, and past shifts never change; or it cannot be changed now."""


class NoSuchOverride(LookupError):
    """There is no such override."""


class Overrides:
    """Changes who is on call, and records who has accepted."""

    def __init__(
        self,
        schedules: OnCallOverview,
        shared_documents: SharedDocuments,
        due: DueSet,
        reread: Callable[[], Awaitable[int]],
    ) -> None:
        """`reread` applies the shared documents, so that an answer already reflects the change."""
        self.schedules = schedules
        self.shared_documents = shared_documents
        self.due = due
        self.reread = reread

    async def override(
        self, schedule: str, person: str, begins: datetime | None, until: datetime, actor: Actor, now: datetime,
        *, once: str | None = None,
    ) -> Override:  # fmt: skip
        """Let `person` take over `schedule`, from `begins` (None: now) until `until`; return it once it is durable.

        `once`: an idempotency key; a repetition returns the first result. Raises ImpossibleCommand for an unknown name,
        InvalidField for impossible times, IdempotencyKeyReused, SharedDocumentsFull, StoreAway.
        """
        directory = self.schedules.directory
        made = Override(
            id=hashlib.sha256(once.encode()).hexdigest()[:16] if once else new_uid()[:16],
            schedule=find_name(schedule, directory.schedules, "schedule"),
            person=find_name(person, directory.people, "person"),
            from_=max(begins or now, now).astimezone(UTC),
            until=until.astimezone(UTC),
            by=actor.name,
            made_at=now,
        )
        if not once or made.id not in {one.id for one in directory.overrides}:
            if begins is not None and begins < now - GRACE:
                raise InvalidField("from", "it is in the past, and past shifts never change (omit it to start now)")
            if made.until <= made.from_:
                raise InvalidField("until", "it ends before it begins (write a time later than `from`, and than now)")
            if made.until - made.from_ > LONGEST:
                raise InvalidField(
                    "until", f"longer than {LONGEST.days} days (write the change into the configuration)"
                )
            await self.shared_documents.put(OVERRIDE, made.id, _document(made), only_new=True)
            await self.moved(now)
            log.info("override_added", schedule=made.schedule, person=made.person, id=made.id, by=actor.name)
        found = next(one for one in self.schedules.directory.overrides if one.id == made.id)
        if (found.schedule, found.person) != (made.schedule, made.person) or (begins and found.from_ < begins):
            raise IdempotencyKeyReused("it was already used for another override")
        return found

    async def lift(self, number: str, actor: Actor, now: datetime) -> Override:
        """End an override: an active one ends now, a future one is removed. Return it.

        Raises NoSuchOverride, PastOverride for one that is over, StoreAway.
        """
        overrides = {one.id: one for one in self.schedules.directory.overrides}
        found = overrides.get(number)
        if found is None:
            raise NoSuchOverride("there is no such override")
        if found.until <= now:
            raise PastOverride("this override is over, and past shifts never change")
        if found.from_ < now:
            found = found.model_copy(update={"until": now})
            await self.shared_documents.put(OVERRIDE, number, _document(found))
        else:
            await self.shared_documents.take(OVERRIDE, number)
        text = f"{actor.name} has lifted the override of {found.person} from {rfc3339(found.from_)} ({number})"
        await self.note_taken_back(number, found.schedule, "override_lifted", text, actor, now)
        await self.moved(now)
        log.info("override_lifted", schedule=found.schedule, id=found.id, by=actor.name)
        return found

    async def note_taken_back(
        self, number: str, schedule: str, kind: str, text: str, actor: Actor, now: datetime
    ) -> None:
        """Record in the log of `schedule` that the override or the offer `number` was removed. Raises StoreAway."""
        document = {"schedule": schedule, "kind": kind, "by": actor.name, "at": rfc3339(now), "text": text}
        # The removal stays in effect even if there is no room for the entry.
        with suppress(SharedDocumentsFull):
            await self.shared_documents.put(TAKEN_BACK, f"{kind} {number} {to_ms(now)}", document)

    async def moved(self, now: datetime) -> None:
        """Apply the shared documents, and check at once whether there is a hand-off to announce."""
        await self.reread()
        # The change may be a hand-off that must be announced.
        await self.due.later(f"sys {HANDOFF}", to_ms(now))

    async def accept(self, schedule: str, actor: Actor, now: datetime) -> AcceptedHandoff:
        """Accept the hand-off with which the current shift of `schedule` began; the first acceptance counts.

        Raises ImpossibleCommand for an unknown schedule, PastOverride if no one has taken over, SharedDocumentsFull,
        StoreAway.
        """
        handing = self.schedules.handing(schedule, now)
        if handing is None:
            raise PastOverride("no one has taken over this schedule, so there is nothing to accept")
        document = {"by": actor.name, "at": rfc3339(now)}
        if await self.shared_documents.put(ACCEPTED, handing.key, document, only_new=True):
            log.info("handoff_accepted", schedule=handing.schedule, person=handing.incoming, by=actor.name)
        await self.reread()
        found = self.schedules.accepted(handing)
        assert found is not None  # noqa: S101  (it was put there, by us or by someone before)
        return found


def _document(one: Override) -> dict[str, Any]:
    return one.model_dump(mode="json", by_alias=True, exclude={"id"})
