"""Pages that waited for their hours: listed in chat when the hours begin, then paged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from receiver.incident.alerts.alert_storm import join_storm, storm_after_hold, storm_key
from receiver.incident.alerts.maintenance_hold import hold_for_maintenance
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.paging.page_hours import queued_until
from receiver.incident.paging.queued_pages import STEP, begin_page_hours, page_queued, queued_list
from receiver.incident.timers import PAGE_HOURS
from receiver.model.base import to_ms
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.incident import Incident
from receiver.model.severity import Severity
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.store.incidents.commit_request import StaleVersion
from receiver.store.incidents.incident_store import IncidentStore

TRIES = 3
"""Maximum number of attempts if others commit first, before the timer is retried after its lease."""

log = structlog.get_logger("receiver.page_hours")


class QueuedPages:
    """Sends waiting pages when page hours begin."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        incident_cache: IncidentCache,
        incidents: IncidentStore,
        intake: Intake,
    ) -> None:
        """The work loop calls `on_timer` when the timer of an incident is due."""
        self.setting = setting
        self.incident_cache = incident_cache
        self.incidents = incidents
        self.intake = intake

    async def on_timer(self, uid: str, now: datetime) -> None:
        """Page the contacts of `uid` if its page hours have begun; otherwise set the timer again. Raises StoreAway."""
        member, listed = f"{uid} {PAGE_HOURS}", False
        for _ in range(TRIES):
            incident = await self.incidents.incident(uid)
            until = queued_until(incident) if incident is not None and not incident.state.over else None
            if incident is None or until is None:
                await self.intake.due.drop_timer(member)
                return
            if now < until:
                await self.intake.due.later(member, to_ms(until))
                return
            if not listed:
                await self._list(incident, now)
                listed = True
            draft = await self._decide(incident, now)
            verdict = IntakeDecision(Outcome.UPDATED, STEP, draft.incident, draft.events)
            try:
                await self.intake.writer.commit(verdict, self.setting(), now)
            except StaleVersion:
                continue
            return

    async def _decide(self, incident: Incident, now: datetime) -> Transition:
        policy = self.setting().policy.of(incident)
        draft = Transition(incident, Actor(kind=ActorKind.TIMER, name=PAGE_HOURS), now)
        firing = {name for name, record in (await self.incidents.records(incident.uid)).items() if record.firing}
        bodies = await self.incidents.bodies(incident.uid)
        alerts = [body.get("labels", {}) for name, body in bodies.items() if name in firing]
        if hold_for_maintenance(draft, policy, alerts or [incident.labels]):
            return draft
        storm = await self._storm(incident, now) if incident.severity is not Severity.SEV1 else ""
        if not storm:
            page_queued(draft, policy)
        elif begin_page_hours(draft, policy):
            join_storm(draft, storm)
        return draft

    async def _storm(self, incident: Incident, now: datetime) -> str:
        # The uid of the storm that the released incidents form; "" if they form none.
        known, held = await self._open_storm(incident.team), incident.held or ""
        alike = [one for one in self.incident_cache.held(held) if one.team == incident.team]
        storm = None if known else storm_after_hold(held, alike, self.setting().policy)
        if storm is None:
            return known
        await self.intake.storms.open(*storm, self.setting(), now, team=incident.team)
        return await self._open_storm(incident.team)

    async def _open_storm(self, team: str) -> str:
        key = storm_key(team)
        uid, is_open = (await self.incidents.led([key]))[key]
        return uid if is_open else ""

    async def _list(self, incident: Incident, now: datetime) -> None:
        # Once for all incidents of a team that waited for the same time, by the first replica that checks.
        held = incident.held or ""
        waited = [one for one in self.incident_cache.held(held) if one.team == incident.team and one.private is False]
        if not waited:
            return
        text, policy = queued_list(waited), self.setting().policy.of(incident)
        name = f"{held} {incident.team}".rstrip()  # each team gets its own list
        rows = [(f"- {to.channel} {name}", to.channel, to, {"text": text}) for to in policy.informs]
        if rows and await self.intake.due.owe(rows, to_ms(now), name):
            log.info("queued_pages_listed", count=len(waited))
