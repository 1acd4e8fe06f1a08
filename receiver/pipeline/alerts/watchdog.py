"""The timer of the dead man's switch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from receiver.incident.alerts.watchdog import (
    on_watchdog_received,
    on_watchdog_silent,
    silence_ends,
    silence_pages,
    silence_settled,
    watchdog_key,
)
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.metrics import Metrics
from receiver.model.base import from_ms, to_ms
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.event_metrics import count_events
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.supervision import run_step
from receiver.store.due.due_set import DueSet
from receiver.store.incidents.commit_request import StaleVersion, new_uid
from receiver.store.incidents.incident_store import IncidentStore

NAME = "watchdog"
LOOK = timedelta(seconds=10)
"""Time between two checks whether the alert was received again."""

log = structlog.get_logger("receiver.watchdog")


class WatchdogTimer:
    """The timer of the dead man's switch, which the first Watchdog notification starts (`ingest.watchdog`)."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        incidents: IncidentStore,
        due: DueSet,
        intake: Intake,
        metrics: Metrics,
        able_since: Callable[[], datetime],
    ) -> None:
        """`able_since`: since when this replica can receive alerts; its own downtime does not count as silence."""
        self.setting = setting
        self.incidents = incidents
        self.due = due
        self.intake = intake
        self.metrics = metrics
        self.able_since = able_since

    async def on_timer(self, now: datetime) -> datetime | None:
        """Open or resolve incidents, and return when to check again; None if no Watchdog is monitored."""
        setting = self.setting()
        lasts = await self._lasts(setting)
        if setting.silent_after is None or not lasts:
            return None
        self.metrics.watchdog.set(min(lasts.values()).timestamp())
        after = setting.silent_after
        found = [await self._one(name, last, setting, after, now) for name, last in sorted(lasts.items())]
        # The metric shows the Watchdog that has been missing longest.
        return min((*found, now + LOOK) if setting.watchdogs_by else found)

    async def _lasts(self, setting: ActiveConfig) -> dict[str, datetime]:
        if setting.watchdogs_by:
            return {
                name: from_ms(ms) for name, ms in (await self.intake.watchdogs.lasts_ms(setting.watchdogs_by)).items()
            }
        last_ms = await self.intake.watchdogs.last_ms()
        return {} if last_ms is None else {"": from_ms(last_ms)}

    async def _one(self, name: str, last: datetime, setting: ActiveConfig, after: timedelta, now: datetime) -> datetime:
        again = now + LOOK

        async def look() -> None:
            nonlocal again
            again = await self._look(name, last, setting, after, now)

        # If one incident cannot be read, the other Watchdogs are still checked.
        await run_step(NAME, look, self.metrics, self.due.probe)
        return again

    async def _look(
        self, name: str, last: datetime, setting: ActiveConfig, silent_after: timedelta, now: datetime
    ) -> datetime:
        key = watchdog_key(name)
        known = await self.incidents.known(key, key, [])
        incident = known.incident
        is_open = incident is not None and not incident.state.over
        silent_at = max(last, self.able_since()) + silent_after
        if now < silent_at:
            if incident is not None and silence_ends(incident, name) and last > incident.opened_at:
                draft = on_watchdog_received(incident, setting.policy.of(incident), now)
                await self._commit(
                    IntakeDecision(Outcome.RESOLVED, "watchdog_heard", draft.incident, draft.events), now
                )
                log.info("watchdog_recovered", incident=incident.id, name=name)
                return silent_at
            return min(silent_at, now + LOOK) if is_open else silent_at
        if name and silence_settled(incident, last):
            await self.intake.watchdogs.forget(setting.watchdogs_by, name)
            log.warning("watchdog_forgotten", name=name)
        elif not is_open and silence_pages(incident, last, now):
            verdict = on_watchdog_silent(new_uid(), name, last, setting.silence_is, setting.policy, known.pointer, now)
            await self._commit(verdict, now, turn=(key, known.turn))
            log.error("watchdog_missed", last=last.isoformat(), name=name)
        return now + LOOK

    async def beaten(self, now: datetime) -> None:
        """The alert was received: start the timer, or resolve the incident about its silence."""
        setting = self.setting()
        if setting.silent_after is None:
            return
        await self.due.seed(f"sys {NAME}", to_ms(now + setting.silent_after))

    async def _commit(self, verdict: IntakeDecision, now: datetime, turn: tuple[str, int] | None = None) -> None:
        try:
            done = await self.intake.writer.commit(verdict, self.setting(), now, turn=turn)
        except StaleVersion:
            return  # another replica was faster, or a person changed it: checked again
        if done.incident is not None:
            if verdict.outcome is Outcome.OPENED:
                self.metrics.opening(done.incident.severity, None)
            count_events(self.metrics, done.incident, verdict.events)
