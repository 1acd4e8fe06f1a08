"""Commits offers of shifts to colleagues; the first person to accept gets the shift."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import structlog

from receiver.incident.log.command_errors import ImpossibleCommand
from receiver.incident.name_lookup import find_name
from receiver.incident.oncall.shift_offers import Span, holds_all, offered_spans
from receiver.model.base import rfc3339, to_ms
from receiver.model.incident.event import Actor
from receiver.model.oncall.schedule_settings import Override
from receiver.pipeline.oncall.overrides import NoSuchOverride, Overrides, PastOverride
from receiver.pipeline.oncall.schedule_channel import place_of
from receiver.pipeline.shared_documents import ACCEPTED, OFFER, OVERRIDE, TAKEN_BACK

DAYS = 60
"""Maximum number of days in one command."""

log = structlog.get_logger("receiver.duty")


@dataclass(frozen=True)
class ShiftOffer:
    """A period that is offered to colleagues. Times are in UTC."""

    id: str
    schedule: str
    person: str
    begins: datetime
    until: datetime
    by: str
    made_at: datetime
    taken: Override | None
    """The override of the acceptance; None: it is open."""


@dataclass(frozen=True)
class ScheduleEntry:
    """One line of a schedule's log."""

    at: datetime
    kind: str
    """`offered`, `offer_withdrawn`, `offer_accepted`, `override`, `override_lifted` or `handoff_accepted`."""
    by: str
    text: str


class ShiftOffers:
    """Creates and accepts offers of shifts."""

    def __init__(self, overrides: Overrides) -> None:
        """An accepted offer is an override, with the id of the offer."""
        self.overrides = overrides
        self.schedules = overrides.schedules
        self.shared_documents = overrides.shared_documents

    def all(self) -> list[ShiftOffer]:
        """Return every offer, earliest first."""
        taken = {one.id: one for one in self.schedules.directory.overrides}
        found = [
            ShiftOffer(
                key, str(one["schedule"]), str(one["person"]), datetime.fromisoformat(one["from"]),
                datetime.fromisoformat(one["until"]), str(one["by"]), datetime.fromisoformat(one["made_at"]),
                taken.get(key),
            )
            for key, one in self.schedules.posted().get(OFFER, {}).items()
        ]  # fmt: skip
        return sorted(found, key=lambda one: (one.begins, one.id))

    async def offer(
        self,
        days: Sequence[date],
        schedule: str | None,
        actor: Actor,
        now: datetime,
        may: Callable[[str], bool] = lambda schedule: True,
    ) -> list[ShiftOffer]:
        """Offer the shifts that `actor` has on `days`, in one schedule or in all that `may` allows; return the offers.

        Raises ImpossibleCommand if `actor` is not in the configuration or has no shift then, StoreAway.
        """
        directory = self.schedules.directory
        person = find_name(actor.name, directory.people, "person")
        names = [find_name(schedule, directory.schedules, "schedule")] if schedule else list(directory.schedules)
        names = [name for name in names if may(name)]
        made = []
        for name in names:
            zone = directory.schedules[name].timezone
            for span in offered_spans(directory.roster(name), person, days, zone, now):
                made.append(await self._put(name, person, span, actor, now))
        if not made:
            raise ImpossibleCommand(f"{person} is not on call on these days")
        await self.overrides.reread()
        ids = set(made)
        return [one for one in self.all() if one.id in ids]

    async def _put(self, schedule: str, person: str, span: Span, actor: Actor, now: datetime) -> str:
        # Offering the same hours again is the same offer. The part of a day that has passed is not part of its id.
        named = f"{schedule} {person} {to_ms(span.ends)} {span.begins.date()}"
        number = f"offer-{hashlib.sha256(named.encode()).hexdigest()[:8]}"
        document = {
            "schedule": schedule, "person": person, "from": rfc3339(span.begins), "until": rfc3339(span.ends),
            "by": actor.name, "made_at": rfc3339(now),
        }  # fmt: skip
        if await self.shared_documents.put(OFFER, number, document, only_new=True):
            log.info("shift_offered", schedule=schedule, person=person, id=number, by=actor.name, caller=actor.caller)
            when = f"{span.begins:%a %Y-%m-%d %H:%M} to {span.ends:%a %Y-%m-%d %H:%M} UTC"
            text = f"{self._name(person)} offers {schedule}, {when}. To take over: /oncall accept {number}"
            await self._tell(schedule, f"offer {number} {to_ms(now)}", text, now)
        return number

    async def accept(self, number: str, actor: Actor, now: datetime) -> ShiftOffer:
        """Accept an offer for `actor`; the first acceptance counts. Return the offer.

        Raises NoSuchOverride, ImpossibleCommand for a person who is not in the configuration, PastOverride if it can no
        longer be accepted, StoreAway.
        """
        offer, directory = self._find(number), self.schedules.directory
        person = find_name(actor.name, directory.people, "person")
        if offer.taken is not None:
            if offer.taken.person == person:
                return offer
            raise PastOverride(f"{self._name(offer.taken.person)} has already accepted this offer")
        if person == offer.person:
            raise PastOverride("this is your own offer: a colleague has to accept it")
        span = Span(max(offer.begins, now), offer.until)
        if span.begins >= span.ends:
            raise PastOverride("this offer has expired")
        if not holds_all(directory.roster(offer.schedule), offer.person, span):
            raise PastOverride(f"{self._name(offer.person)} is no longer on call for all of that time")
        made = Override(
            id=offer.id, schedule=offer.schedule, person=person, from_=span.begins.astimezone(UTC),
            until=span.ends.astimezone(UTC), by=actor.name, made_at=now,
        )  # fmt: skip
        document = made.model_dump(mode="json", by_alias=True, exclude={"id"})
        fresh = await self.shared_documents.put(OVERRIDE, offer.id, document, only_new=True)
        await self.overrides.moved(now)
        taken = next(one for one in self.all() if one.id == offer.id)
        if taken.taken is None or taken.taken.person != person:
            raise PastOverride("someone else has already accepted this offer")
        if fresh:
            log.info("shift_accepted", schedule=offer.schedule, person=person, id=offer.id, caller=actor.caller)
            text = f"{self._name(person)} takes over {offer.schedule} from {self._name(offer.person)} ({offer.id})"
            await self._tell(offer.schedule, f"accepted {offer.id} {to_ms(now)}", text, now)
        return taken

    async def withdraw(self, number: str, actor: Actor, now: datetime) -> ShiftOffer:
        """Withdraw an open offer and return it.

        Raises NoSuchOverride, PastOverride if it was accepted, StoreAway.
        """
        offer = self._find(number)
        if offer.taken is not None:
            raise PastOverride(f"it was accepted: end the override with receiver oncall lift {offer.id}")
        await self.shared_documents.take(OFFER, offer.id)
        span = _span(offer.begins, offer.until)
        text = f"{actor.name} has withdrawn the offer of {offer.person}, {span} ({offer.id})"
        await self.overrides.note_taken_back(offer.id, offer.schedule, "offer_withdrawn", text, actor, now)
        await self.overrides.reread()
        log.info("shift_offer_withdrawn", schedule=offer.schedule, id=offer.id, by=actor.name, caller=actor.caller)
        return offer

    def entries(self, schedule: str) -> list[ScheduleEntry]:
        """Return the changes to who is on call in `schedule`, newest first. Raises ImpossibleCommand."""
        name, offers = find_name(schedule, self.schedules.directory.schedules, "schedule"), self.all()
        offered = {one.id for one in offers}
        found = [ScheduleEntry(one.made_at, "offered", one.by, _offered(one)) for one in offers if one.schedule == name]
        for one in self.schedules.directory.overrides:
            if one.schedule == name:
                kind = "offer_accepted" if one.id in offered else "override"
                text = f"{one.person} takes over {_span(one.from_, one.until)} ({one.id})"
                found.append(ScheduleEntry(one.made_at, kind, one.by, text))
        for key, document in self.schedules.posted().get(ACCEPTED, {}).items():
            if key.startswith(f"{name} "):
                at, by = datetime.fromisoformat(document["at"]), str(document["by"])
                found.append(ScheduleEntry(at, "handoff_accepted", by, f"{by} has accepted the hand-off"))
        for document in self.schedules.posted().get(TAKEN_BACK, {}).values():
            if document.get("schedule") == name:
                at, by = datetime.fromisoformat(document["at"]), str(document["by"])
                found.append(ScheduleEntry(at, str(document["kind"]), by, str(document["text"])))
        return sorted(found, key=lambda one: (one.at, one.kind != "offered", one.text), reverse=True)

    def _find(self, number: str) -> ShiftOffer:
        found = next((one for one in self.all() if one.id == number), None)
        if found is None:
            raise NoSuchOverride("there is no such offer")
        return found

    def _name(self, person: str) -> str:
        return self.schedules.people.get(person, person)

    async def _tell(self, schedule: str, once: str, text: str, now: datetime) -> None:
        place = place_of(self.schedules.setting(), schedule)
        if place is not None:
            to, _ = place
            await self.overrides.due.owe([(f"- {to.channel} {once}", to.channel, to, {"text": text})], to_ms(now), once)


def _span(begins: datetime, until: datetime) -> str:
    return f"{rfc3339(begins)} until {rfc3339(until)}"


def _offered(one: ShiftOffer) -> str:
    return f"{one.person} offers {_span(one.begins, one.until)} ({one.id})"
