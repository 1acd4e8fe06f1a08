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
from receiver.model.command import Acknowledge, Command, Escalate
from receiver.model.delivery.notice import Notice
from receiver.model.delivery.phone_answer import TOKEN_BYTES, VALID_FOR, Verb
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.incident import Incident, Page, State
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.response.command_handler import CommandHandler, CommandResult
from receiver.store.answer_tokens import AnswerToken, AnswerTokens, token_hash
from receiver.store.due.due_set import LeasedRow
from receiver.store.incidents.incident_store import IncidentStore

COMMANDS: dict[Verb, type[Acknowledge | Escalate]] = {Verb.ACKNOWLEDGE: Acknowledge, Verb.ESCALATE: Escalate}
MERGES = 10
"""How often a merged incident is followed to the one that it became part of."""
FORM = re.compile(r"(acknowledge|escalate) ([A-Za-z0-9_-]{43})")
"""What a button posts: the verb and its token."""

log = structlog.get_logger("receiver.answers")


@dataclass(frozen=True)
class Answered:
    """What became of an answer: an HTTP status and a sentence for the person who answered."""

    status: int
    text: str
    incident: str | None = None


UNKNOWN = Answered(404, "no page waits for this answer")


class PhoneAnswers:
    """The way of an answer to the incident that it is about."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        incidents: IncidentStore,
        respond: CommandHandler,
        tokens: AnswerTokens,
    ) -> None:
        """What an answer asks for is done as any command is."""
        self.setting = setting
        self.incidents = incidents
        self.respond = respond
        self.tokens = tokens

    def hooked(self) -> list[str]:
        """Return the names of the ntfy channels whose buttons post to this service."""
        return [name for name, one in self.setting().channels.items() if isinstance(one, Ntfy) and one.hooked()]

    async def issue(self, row: LeasedRow, notice: Notice) -> Notice:
        """Return the notice of a page with a token for each verb, once their hashes are kept. Raises StoreAway."""
        page = notice.page
        if page is None or not row.uid:
            return notice
        made = {verb: secrets.token_urlsafe(TOKEN_BYTES) for verb in Verb}
        at_ms = to_ms(notice.now)
        await self.tokens.keep(
            {
                token: AnswerToken(row.uid, page.channel, page.key, page.person, verb, at_ms)
                for verb, token in made.items()
            }
        )
        answers = {verb.value: token for verb, token in made.items()}
        return notice.model_copy(update={"answers": answers, "hooks": self.setting().hooks})

    async def take(self, text: str, channels: Collection[str], now: datetime) -> Answered:
        """Do what an answer that came back by one of `channels` asks for. Raises StoreAway.

        What is forged, altered or another channel's changes nothing, and is told apart by nobody.
        """
        form = FORM.fullmatch(text)
        if form is None:
            return UNKNOWN
        verb, token = Verb(form[1]), form[2]
        meant = await self.tokens.find(token)
        if meant is None or meant.verb != verb or meant.channel not in channels:
            log.info("phone_answer", status=UNKNOWN.status)
            return UNKNOWN
        answered = await self._do(meant, verb, token_hash(token), now)
        log.info(
            "phone_answer",
            channel=meant.channel,
            person=meant.person,
            verb=meant.verb,
            status=answered.status,
            incident=answered.incident,
        )
        return answered

    async def _do(self, meant: AnswerToken, verb: Verb, name: str, now: datetime) -> Answered:
        once = f"answer {name}"
        if (before := await self.respond.repeated(once, verb)) is not None:
            return _done(before, verb)
        incident, page = await self._page(meant)
        if incident is None or page is None:
            return UNKNOWN
        refusal = _refusal(incident, page, verb, now - from_ms(meant.at_ms) > VALID_FOR)
        if refusal is not None:
            return refusal
        if verb is Verb.ACKNOWLEDGE and page.seq <= incident.hushed:
            who = incident.acknowledged_by or "somebody"
            who = "you" if who == meant.person else who
            return Answered(200, f"{incident.label} has been acknowledged by {who}", incident.id)
        actor = Actor(kind=ActorKind.PERSON, name=meant.person)
        command: Command = COMMANDS[verb](text=f"by {meant.channel}")
        try:
            done = await self.respond.act(incident.uid, command, actor, now, once=once, what=verb)
        except (IllegalCommand, ImpossibleCommand) as error:
            return Answered(410, str(error), incident.id)
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
    # Who acknowledges a page that was withdrawn a moment ago has answered the incident all the same.
    withdrawn = page.withdrawn and incident.state is not State.MONITORING and verb is not Verb.ACKNOWLEDGE
    if page.ring != incident.ring or withdrawn:
        return Answered(410, f"this page of {incident.label} has ended", incident.id)
    if expired:
        return Answered(410, f"this page of {incident.label} is more than a day old", incident.id)
    return None


def _done(done: CommandResult, verb: Verb) -> Answered:
    word = "acknowledged" if verb is Verb.ACKNOWLEDGE else "escalated"
    return Answered(200, f"{done.incident.label} is {word}", done.incident.id)


__all__ = ["Answered", "PhoneAnswers"]
