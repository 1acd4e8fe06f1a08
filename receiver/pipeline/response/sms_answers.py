"""An answer by SMS becomes a command of the person with that number, and one SMS reports the result."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from receiver.incident.log.command_errors import IllegalCommand, ImpossibleCommand
from receiver.incident.response.sms_parser import SmsAnswer, Wish, is_test_answer, meant_by, read_answer
from receiver.model.command import Acknowledge, Command, Escalate
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.open_incidents.incident_follower import IncidentFollower
from receiver.pipeline.response.command_handler import CommandHandler, IdempotencyKeyReused, UnknownIncident
from receiver.pipeline.response.reachability_tests import ReachabilityTests
from receiver.store.incidents.incident_store import IncidentStore

REPLIES, WITHIN = 10, timedelta(minutes=10)
"""Maximum number of answers to one number in that time: a forged number must not run up the bill."""
HELP = "Not understood. Reply a NUMBER to acknowledge or e NUMBER to escalate; NUMBER is the number of the incident."

log = structlog.get_logger("receiver.answers")


class SmsAnswers:
    """A sender's number can be forged: an answer acknowledges or escalates, and never resolves."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        follower: IncidentFollower,
        incidents: IncidentStore,
        respond: CommandHandler,
        proofs: ReachabilityTests,
    ) -> None:
        """An answer is carried out like any command."""
        self.setting = setting
        self.follower = follower
        self.incidents = incidents
        self.respond = respond
        self.proofs = proofs
        self._replied: dict[str, list[datetime]] = {}

    async def take(self, channel: str, number: str, text: str, once: str, now: datetime) -> str | None:
        """Carry out the command in `text` from `number` and return the reply; None: no reply, as for an unknown number.

        `once` identifies the message, so that it is carried out once. Raises StoreAway.
        """
        said = await self._take(channel, number, text, once, now)
        if said is None:
            return None
        lately = [at for at in self._replied.get(number, ()) if now - at < WITHIN]
        if len(lately) >= REPLIES:
            log.warning("sms_reply_suppressed", channel=channel, reason="too many from this number")
            return None
        self._replied[number] = [*lately, now]
        return said

    async def _take(self, channel: str, number: str, text: str, once: str, now: datetime) -> str | None:
        if not self._known(channel, number):
            log.warning("unknown_sms_ignored", channel=channel)
            return None
        if is_test_answer(text):
            return await self.proofs.answered_from(channel, number, now) or "No test page is waiting for your response."
        answer = read_answer(text)
        if answer is None:
            return HELP
        await self.follower.catch_up()
        found = [one.uid for one in self.follower.cache.open()]
        meant = meant_by(answer, await self.incidents.many(found), channel, number, now)
        if meant is None:
            which = f" {answer.number}" if answer.number is not None else ""
            return f"No open incident{which} has paged this number."
        return await self._do(answer, *meant, once, now)

    def _known(self, channel: str, number: str) -> bool:
        kind = self.setting().channels[channel].kind
        return any(one.address(channel, kind) == number for one in self.setting().policy.directory.people.values())

    async def _do(self, answer: SmsAnswer, incident: Incident, page: Page, once: str, now: datetime) -> str:
        if answer.wish is Wish.CLOSE:
            return f"Resolve {incident.label} in chat or in the console: an SMS can be forged."
        acknowledges = answer.wish is Wish.ACKNOWLEDGE
        if acknowledges and page.seq <= incident.hushed:
            return f"{incident.label} has been acknowledged by {incident.acknowledged_by or 'someone'}."
        command: Command = Acknowledge(text="by SMS") if acknowledges else Escalate(text="by SMS")
        actor = Actor(kind=ActorKind.PERSON, name=page.person)
        try:
            done = await self.respond.act(incident.uid, command, actor, now, once=once, what=answer.wish)
        except (IllegalCommand, ImpossibleCommand) as error:
            return f"{incident.label}: {error}"[:300]
        except IdempotencyKeyReused:
            return "This message was already answered. Send a new one."
        except UnknownIncident:
            return f"{incident.label} is no longer stored."
        log.info("sms_answer_received", incident=done.incident.id, person=page.person, wish=answer.wish)
        return f"{done.incident.label} is {'acknowledged' if acknowledges else 'escalated'}."
