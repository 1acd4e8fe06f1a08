"""Checks a storm regularly: which incidents have joined it, and whether it has ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from receiver.incident.alerts.alert_storm import HELD, LOOK, NAMED, release_from_storm, update_storm
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.timers import STORM
from receiver.model.base import to_ms
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.severity import Severity
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.supervision import run_step
from receiver.store.due.due_set import DueSet
from receiver.store.incidents.commit_request import StaleVersion
from receiver.store.incidents.incident_store import IncidentStore


class StormTimer:
    """The timer of storm incidents."""

    def __init__(
        self, setting: Callable[[], ActiveConfig], incidents: IncidentStore, due: DueSet, intake: Intake
    ) -> None:
        """Counts come from the store, so that replicas agree."""
        self.setting = setting
        self.incidents = incidents
        self.due = due
        self.intake = intake

    async def on_timer(self, uid: str, now: datetime) -> None:
        """Count the incidents in the storm `uid`, and record what has changed. Raises StoreAway."""
        member = f"{uid} {STORM}"
        setting = self.setting()
        incident, limit = await self.incidents.incident(uid), setting.policy.storm
        if incident is not None and incident.state.over and not await self._let_out(incident, now):
            return  # releases that failed are retried when the lease has expired
        if incident is None or incident.state.over:
            await self.due.drop_timer(member)
            return
        children = await self.incidents.children(uid)
        if incident.storm_ended_at is not None and not children:
            await self.due.drop_timer(member)
            return
        worst = Severity(f"SEV-{min(children.values())}") if children else None
        # If the configuration disables storms, this one ends, and it remains responsible for the incidents that it
        # holds.
        over = await self._over(incident, limit, now)
        held = await self.incidents.many(list(children)[:NAMED]) if over else []
        names = [child.id for child in held if incident.private or not child.private]
        draft = update_storm(incident, len(children), names, worst, over, setting.policy.of(incident), now)
        if draft is not None:
            verdict = IntakeDecision(Outcome.UPDATED, draft.events[-1].reason, draft.incident, draft.events)
            ended = any(event.kind is Kind.STORM_ENDED for event in draft.events)
            try:
                await self.intake.writer.commit(verdict, setting, now, unpoint=[incident.key] if ended else ())
            except StaleVersion:
                return  # checked again when the lease has expired
        await self.due.later(member, to_ms(now + LOOK))

    async def _over(self, storm: Incident, limit: tuple[int, timedelta] | None, now: datetime) -> bool:
        if limit is None:
            return True
        if now - storm.opened_at < limit[1]:
            # After an outage, the storm is opened before its incidents, so they are not counted yet.
            return False
        return await self.incidents.opened_since(to_ms(now - limit[1]), storm.team) < limit[0]

    async def _let_out(self, storm: Incident, now: datetime) -> bool:
        # They would be forgotten otherwise: the person who ended the storm may not have known about each of them.
        done = True
        for uid in await self.incidents.children(storm.uid):
            # If one incident cannot be released, the others still are.
            let_out = partial(self._let_one_out, uid, storm.uid, now)
            done = await run_step(STORM, let_out, self.intake.metrics, self.due.probe) and done
        return done

    async def _let_one_out(self, uid: str, storm: str, now: datetime) -> None:
        for _ in range(3):
            known = await self.incidents.incident(uid)
            if known is None or known.state.over or known.held != HELD or known.parent != storm:
                return
            draft = Transition(known, Actor(kind=ActorKind.TIMER, name=STORM), now)
            release_from_storm(draft, self.setting().policy.of(known), "storm_over")
            verdict = IntakeDecision(Outcome.UPDATED, "storm_over", draft.incident, draft.events)
            try:
                await self.intake.writer.commit(verdict, self.setting(), now)
            except StaleVersion:
                continue
            return
