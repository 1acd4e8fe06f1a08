"""Silences in Alertmanager: created from an incident's labels, ended with the incident."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from receiver.incident.log.command_errors import ImpossibleCommand
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.timers import UNSILENCE
from receiver.model.base import to_ms
from receiver.model.command import RecordSilence
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.outbox.private_notices import shown_incident
from receiver.pipeline.response.command_handler import CommandHandler, CommandResult, VersionConflict
from receiver.sources.alertmanager import Alertmanager
from receiver.sources.http_client import SourceClient, SourceError
from receiver.store.incidents.commit_request import StaleVersion
from receiver.store.incidents.incident_store import IncidentStore

AGAIN = timedelta(seconds=30)
"""Time until ending a silence is retried."""

log = structlog.get_logger("receiver.silence")


class SilenceFailed(Exception):
    """Alertmanager did not create the silence; nothing was stored."""


class Silences:
    """Creates and ends silences in Alertmanager."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        incidents: IncidentStore,
        respond: CommandHandler,
        intake: Intake,
        source_client: SourceClient,
    ) -> None:
        """Only configured Alertmanagers are called, never an address from a notification."""
        self.setting = setting
        self.incidents = incidents
        self.respond = respond
        self.intake = intake
        self.source_client = source_client

    async def silence(
        self, number: str, seconds: float, text: str | None, actor: Actor, now: datetime, *,
        expected: int | None = None, once: str | None = None, what: str = "",
    ) -> CommandResult:  # fmt: skip
        """Silence alerts with the incident's labels for that long, and return the incident.

        A repeated request finds the silence by the incident's id in its comment, and a later end extends it.
        `expected`, `once` and `what` as for `CommandHandler.act`. Raises UnknownIncident, ImpossibleCommand if there
        are no common labels, SilenceFailed, IllegalCommand, VersionConflict, IdempotencyKeyReused, StoreAway.
        """
        if (same := await self.respond.repeated(once, what)) is not None:
            return same
        incident = await self.respond.find(number)
        if expected is not None and incident.version != expected:
            raise VersionConflict(incident)
        if not incident.labels or incident.declared:
            raise ImpossibleCommand(
                f"{incident.label} has no labels that all its alerts share: there is nothing to silence"
            )
        urls = self.setting().alertmanagers
        if not urls:
            raise SilenceFailed("no Alertmanager is configured (write its address into ingest.alertmanagers)")
        until = now + timedelta(seconds=seconds)
        comment = f"{incident.id} {text or shown_incident(incident).title}"[:1000]
        try:
            upstream = Alertmanager(self.source_client, urls)
            known, fresh = await upstream.silence(incident.labels, now, until, actor.name, comment, incident.id)
        except SourceError as error:
            raise SilenceFailed(str(error)) from None
        made = RecordSilence(id=known, until=until, text=text, fresh=fresh)
        return await self.respond.act(incident.uid, made, actor, now, once=once, what=what)

    async def end(self, uid: str, now: datetime) -> None:
        """End the silences of a resolved incident; retried if Alertmanager is unavailable. Raises StoreAway."""
        member, incident = f"{uid} {UNSILENCE}", await self.incidents.incident(uid)
        if incident is None or not incident.state.over or not incident.silences:
            await self.intake.due.drop_timer(member)
            return
        setting = self.setting()
        try:
            for number in incident.silences:
                await Alertmanager(self.source_client, setting.alertmanagers).expire(number)
        except SourceError as error:
            log.warning("silence_removal_failed", incident=incident.id, detail=str(error))
            await self.intake.due.later(member, to_ms(now + AGAIN))
            return
        draft = Transition(incident, Actor(kind=ActorKind.TIMER, name="silence"), now)
        text = f"{len(incident.silences)} silences in Alertmanager were removed with it"
        draft.add(Kind.SILENCED, "expired", text, {"silences": []}, setting.policy.of(incident).informs)
        try:
            await self.intake.writer.commit(
                IntakeDecision(Outcome.UPDATED, "expired", draft.incident, draft.events), setting, now
            )
        except StaleVersion:
            return  # checked again when the lease has expired
