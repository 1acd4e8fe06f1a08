"""Answers that people give to pages on their phones: tokens go out with a page, and come back as commands."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

import structlog

from receiver.channels.ntfy.channel import Ntfy
from receiver.incident.log.command_errors import IllegalCommand, ImpossibleCommand
from receiver.model.base import from_ms, to_ms
from receiver.model.command import Acknowledge, Command, Escalate, Resolve
from receiver.model.delivery.notice import Notice
from receiver.model.delivery.phone_answer import TOKEN_BYTES, VALID_FOR, Verb
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import PROVED, Page
from receiver.model.incident.state import State
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.response.command_handler import CommandHandler, CommandResult, UnknownIncident
from receiver.pipeline.response.reachability_tests import ReachabilityTests
from receiver.store.answer_tokens import AnswerToken, AnswerTokens, token_hash
from receiver.store.due.due_set import LeasedRow
from receiver.store.incidents.incident_store import IncidentStore

COMMANDS: dict[Verb, type[Acknowledge | Escalate | Resolve]] = {
    Verb.ACKNOWLEDGE: Acknowledge,
    Verb.ESCALATE: Escalate,
    Verb.RESOLVE: Resolve,
}
DONE = {Verb.ACKNOWLEDGE: "acknowledged", Verb.ESCALATE: "escalated", Verb.RESOLVE: "resolved"}
MERGES = 10
"""Maximum number of merges that are followed to the target."""
LONGEST = 100
"""Maximum number of characters of a token; a valid one has 43."""
FORM = re.compile(r"(acknowledge|escalate) ([A-Za-z0-9_-]{43})")
"""The body that a button posts: the verb and its token."""

log = structlog.get_logger("receiver.answers")


@dataclass(frozen=True)
class Answered:
    """The result of an answer: an HTTP status and a sentence for the person who answered."""

    status: int
    text: str
    incident: str | None = None


UNKNOWN = Answered(404, "no page is waiting for this answer")


class PhoneAnswers:
    """Carries out answers to pages."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        incidents: IncidentStore,
        respond: CommandHandler,
        tokens: AnswerTokens,
        proofs: ReachabilityTests,
    ) -> None:
        """An answer is carried out like any command."""
        self.setting = setting
        self.incidents = incidents
        self.respond = respond
        self.tokens = tokens
        self.proofs = proofs

    def hooked(self) -> list[str]:
        """Return the names of the ntfy channels whose buttons post to this service."""
        return [name for name, one in self.setting().channels.items() if isinstance(one, Ntfy) and one.hooked()]

    async def issue(self, row: LeasedRow, notice: Notice) -> Notice:
        """Return the notice of a page with a token for each verb, once their hashes are stored. Raises StoreAway."""
        page = notice.page
        channel = self.setting().channels.get(page.channel) if page else None
        uid = row.uid or (PROVED if page is not None and page.step == PROVED else "")
        if page is None or channel is None or not uid:
            return notice
        made = {verb: secrets.token_urlsafe(TOKEN_BYTES) for verb in channel.verbs}
        at_ms = to_ms(notice.now)
        await self.tokens.keep(
            {token: AnswerToken(uid, page.channel, page.key, page.person, verb, at_ms) for verb, token in made.items()}
        )
        answers = {verb.value: token for verb, token in made.items()}
        return notice.model_copy(update={"answers": answers, "hooks": self.setting().hooks})

    async def take(self, text: str, channels: Collection[str], now: datetime) -> Answered:
        """Carry out an answer that arrived through one of `channels`. Raises StoreAway.

        Forged or altered answers, and those of another channel, change nothing, and all get the same response.
        """
        form = FORM.fullmatch(text)
        if form is None:
            return UNKNOWN
        verb, token = Verb(form[1]), form[2]
        meant = await self.tokens.find(token)
        if meant is None or meant.verb != verb or meant.channel not in channels:
            log.info("phone_answer_received", status=UNKNOWN.status)
            return UNKNOWN
        return await self._answered(meant, verb, f"answer {token_hash(token)}", now)

    async def press(self, token: str, verb: Verb, channels: Collection[str], now: datetime) -> Answered:
        """Carry out the command of a key that was pressed in the call of `token`; `channels` signed it.

        Raises StoreAway.
        """
        meant = await self.meant(token, channels)
        if meant is None:
            return UNKNOWN
        return await self._answered(meant, verb, f"answer {token_hash(token)} {verb}", now)

    async def meant(self, token: str, channels: Collection[str]) -> AnswerToken | None:
        """Return the record of the token of a call or message of one of `channels`; None: there is none."""
        meant = await self.tokens.find(token) if len(token) <= LONGEST else None
        return meant if meant is not None and meant.verb == Verb.KEY and meant.channel in channels else None

    async def page(self, meant: AnswerToken) -> tuple[Incident, Page] | None:
        """Return the page of a token, and its incident; None: unknown. Raises StoreAway."""
        incident, page = await self._page(meant)
        return (incident, page) if incident is not None and page is not None else None

    async def _answered(self, meant: AnswerToken, verb: Verb, once: str, now: datetime) -> Answered:
        answered = await self._do(meant, verb, once, now)
        log.info(
            "phone_answer_received",
            channel=meant.channel,
            person=meant.person,
            verb=verb,
            status=answered.status,
            incident=answered.incident,
        )
        return answered

    async def _do(self, meant: AnswerToken, verb: Verb, once: str, now: datetime) -> Answered:
        if meant.uid == PROVED:
            said = await self.proofs.answered(meant.key, now)
            return Answered(200, said) if said else Answered(410, "this test page has ended")
        try:
            before = await self.respond.repeated(once, verb)
        except UnknownIncident:
            return UNKNOWN
        if before is not None:
            return _done(before, verb)
        incident, page = await self._page(meant)
        if incident is None or page is None:
            return UNKNOWN
        refusal = _refusal(incident, page, verb, now - from_ms(meant.at_ms) > VALID_FOR)
        if refusal is not None:
            return refusal
        if verb is Verb.ACKNOWLEDGE and page.seq <= incident.hushed:
            who = incident.acknowledged_by or "someone"
            who = "you" if who == meant.person else who
            return Answered(200, f"{incident.label} has been acknowledged by {who}", incident.id)
        actor = Actor(kind=ActorKind.PERSON, name=meant.person)
        command: Command = COMMANDS[verb](text=f"by {meant.channel}")
        try:
            done = await self.respond.act(incident.uid, command, actor, now, once=once, what=verb)
        except (IllegalCommand, ImpossibleCommand) as error:
            return Answered(410, str(error), incident.id)
        except UnknownIncident:
            return UNKNOWN
        return _done(done, verb)

    async def _page(self, meant: AnswerToken) -> tuple[Incident | None, Page | None]:
        incident = await self.incidents.incident(meant.uid)
        for _ in range(MERGES):
            if incident is None or not incident.merged or incident.parent is None:
                break
            found = _page_of(incident, meant)
            heir = await self.incidents.incident(incident.parent)
            if found is not None or heir is None or _page_of(heir, meant) is None:
                break
            incident = heir
        return incident, _page_of(incident, meant) if incident else None


def _page_of(incident: Incident, meant: AnswerToken) -> Page | None:
    return next((one for one in incident.pages if (one.key, one.channel) == (meant.key, meant.channel)), None)


def _refusal(incident: Incident, page: Page, verb: Verb, expired: bool) -> Answered | None:
    if incident.state.over:
        return Answered(410, f"{incident.label} is over", incident.id)
    # An acknowledgement of a page that was withdrawn a moment ago answers the incident nonetheless.
    withdrawn = page.withdrawn and incident.state is not State.MONITORING and verb is not Verb.ACKNOWLEDGE
    if page.ring != incident.ring or withdrawn:
        return Answered(410, f"this page of {incident.label} has ended", incident.id)
    if expired:
        return Answered(410, f"this page of {incident.label} is more than a day old", incident.id)
    return None


def _done(done: CommandResult, verb: Verb) -> Answered:
    return Answered(200, f"{done.incident.label} is {DONE[verb]}", done.incident.id)


__all__ = ["Answered", "PhoneAnswers"]
