"""The forms of the on-call page: overrides, offers of shifts, pages outside any incident, and test pages."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial

from pydantic import ValidationError

from receiver.model.command import PageContact
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.validation_messages import first_message
from receiver.pipeline.oncall.overrides import NoSuchOverride, PastOverride
from receiver.pipeline.oncall.shift_offers import DAYS, ShiftOffer, ShiftOffers
from receiver.pipeline.response.adhoc_pages import AnotherTeam
from receiver.pipeline.response.command_handler import IdempotencyKeyReused, ImpossibleCommand, InvalidField
from receiver.store.shared_documents import SharedDocumentsFull
from receiver.web.app_keys import AppParts
from receiver.web.auth.form_repetition import form_repetition
from receiver.web.auth.schedule_limits import allow_override, allow_people, allow_schedule, may_change_schedule
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.console.forms.form_values import SENT_BEFORE, Fields, day_of, moment_of, text_of
from receiver.web.http.error_responses import Refusal

EVERYONE = "everyone"
"""The value for all people who may be paged, in the form for test pages."""


class OnCallForms:
    """Handles the changes in `POST /oncall`."""

    def __init__(self, parts: AppParts) -> None:
        """Create it with the handlers that change schedules and page people."""
        self.parts = parts

    @property
    def offers(self) -> ShiftOffers:
        """The offers of shifts."""
        return ShiftOffers(self.parts.overrides)

    def open_offers(self, now: datetime) -> list[ShiftOffer]:
        """Return the open offers, earliest first."""
        return [one for one in self.offers.all() if one.until > now]

    async def take(self, visitor: SignedInPerson, fields: Fields) -> str:
        """Carry out a form and return the key of the confirmation. Raises Refusal."""
        try:
            return await self._take(visitor, fields, self.parts.clock.now())
        except (ImpossibleCommand, NoSuchOverride) as unknown:
            raise Refusal(404, "unknown", str(unknown)) from None
        except InvalidField as unfit:
            raise Refusal(409, "unfit", f"{unfit.path}: {unfit}") from None
        except (PastOverride, SharedDocumentsFull) as past:
            raise Refusal(409, "not_now", str(past)) from None
        except AnotherTeam as foreign:
            raise Refusal(403, "wrong_team", str(foreign)) from None
        except IdempotencyKeyReused:
            raise Refusal(409, "reused_key", SENT_BEFORE) from None
        except ValidationError as wrong:
            raise Refusal(400, "bad_form", first_message(wrong)) from None
        except ValueError as wrong:
            raise Refusal(400, "bad_form", str(wrong)) from None

    async def _take(self, visitor: SignedInPerson, fields: Fields, now: datetime) -> str:
        if fields.get("lift"):
            held = self.parts.overrides.schedules.directory.overrides
            allow_override(visitor.caller, fields["lift"], held, self.parts.config)
            await self.parts.overrides.lift(fields["lift"], visitor.actor, now)
            return "lift"
        if fields.get("contact"):
            return await self._page(visitor, fields, now)
        if fields.get("prove"):
            return await self._prove(visitor, fields["prove"], now)
        if fields.get("offer"):
            return await self._offer(visitor, fields, now)
        if fields.get("take") or fields.get("withdraw"):
            return await self._answer(visitor, fields, now)
        until = moment_of(fields, "until")
        if until is None:
            raise Refusal(400, "bad_form", "until: write when it ends")
        schedule, person = fields.get("schedule", ""), fields.get("person", "")
        allow_schedule(visitor.caller, schedule, self.parts.config)
        since = moment_of(fields, "from")
        await self.parts.overrides.override(schedule, person, since, until, visitor.actor, now)
        return "override"

    async def _page(self, visitor: SignedInPerson, fields: Fields, now: datetime) -> str:
        asked = PageContact.model_validate({"contact": fields["contact"], "text": text_of(fields)})
        once, what = form_repetition(fields, visitor, "call")
        called = await self.parts.calls.page(
            asked.contact, asked.text, visitor.actor, now, once=once, what=what, teams=visitor.caller.teams
        )
        return "just-called" if called.just_paged and not called.pages else "called"

    async def _prove(self, visitor: SignedInPerson, wanted: str, now: datetime) -> str:
        caller, schedules = visitor.caller, self.parts.overrides.schedules
        people: tuple[str, ...] = (wanted,)
        if wanted == EVERYONE:
            mine = schedules.people_of_teams(caller.teams, now)
            people = tuple(one for one in schedules.reached(now) if not caller.teams or one in mine)
        allow_people(caller, people, schedules, now)
        await self.parts.reachability.ask(people, visitor.actor.name, None, now)
        return "prove"

    async def _offer(self, visitor: SignedInPerson, fields: Fields, now: datetime) -> str:
        schedule, caller = text_of(fields, "schedule"), visitor.caller
        if schedule is not None:
            allow_schedule(caller, schedule, self.parts.config)
        days = _days(day_of(fields, "first"), day_of(fields, "last"))
        may = partial(may_change_schedule, caller, config=self.parts.config)
        await self.offers.offer(days, schedule, self._person(visitor, fields), now, may)
        return "offer"

    async def _answer(self, visitor: SignedInPerson, fields: Fields, now: datetime) -> str:
        number = fields.get("take") or fields.get("withdraw", "")
        for one in self.offers.all():
            if one.id == number:
                allow_schedule(visitor.caller, one.schedule, self.parts.config)
        if fields.get("take"):
            await self.offers.accept(number, self._person(visitor, fields), now)
            return "take"
        await self.offers.withdraw(number, visitor.actor, now)
        return "withdraw"

    def _person(self, visitor: SignedInPerson, fields: Fields) -> Actor:
        # Most tokens belong to no person: then the form names the person whose shifts are offered.
        actor = visitor.caller.actor(text_of(fields, "person"))
        people = self.parts.overrides.schedules.people
        if actor.name.removeprefix("@") not in people:
            raise Refusal(409, "missing_person", f"choose a person: {', '.join(sorted(people)[:20])}")
        return actor.model_copy(update={"kind": ActorKind.PERSON})


def _days(first: date | None, last: date | None) -> list[date]:
    if first is None:
        raise ValueError("first: write the first day, such as 2026-12-01")
    last = last or first
    if last < first:
        raise ValueError("last: it is before the first day")
    if (last - first).days >= DAYS:
        raise ValueError(f"last: at most {DAYS} days at once")
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
