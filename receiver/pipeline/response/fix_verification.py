"""Runs the checks of `verification` while an incident is monitored.

incident/response/fix_verification.py decides about the results.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.response.fix_verification import on_checks, verify_due, watch_ends
from receiver.incident.timers import VERIFY
from receiver.model.base import to_ms
from receiver.model.incident.fix_verification import CheckResult
from receiver.pipeline.active_config import ActiveConfig, CheckAsked
from receiver.pipeline.event_metrics import count_events
from receiver.pipeline.intake.intake import Intake
from receiver.sources.health_check import status_of
from receiver.sources.http_client import SourceClient, SourceError
from receiver.sources.prometheus import Prometheus
from receiver.store.incidents.commit_request import StaleVersion
from receiver.store.incidents.incident_store import IncidentStore


class FixVerification:
    """The timer of monitored incidents, if there are checks."""

    def __init__(
        self, setting: Callable[[], ActiveConfig], incidents: IncidentStore, intake: Intake, source_client: SourceClient
    ) -> None:
        """Results are cached for half the interval of the checks, because many incidents run the same ones."""
        self.setting = setting
        self.incidents = incidents
        self.intake = intake
        self.source_client = source_client
        self._known: tuple[datetime, tuple[CheckResult, ...]] | None = None
        self._one = asyncio.Lock()

    async def on_timer(self, uid: str, now: datetime) -> None:
        """Run the checks for the incident `uid`, and record changed results. Raises StoreAway."""
        member, setting = f"{uid} {VERIFY}", self.setting()
        incident = await self.incidents.incident(uid)
        every = setting.policy.verify_every
        if incident is None or every is None or verify_due(incident, setting.policy.of(incident)) is None:
            await self.intake.due.drop_timer(member)
            return
        checks = await self.results(setting, now)
        draft = on_checks(checks, incident, setting.policy.of(incident), now)
        again = now + every
        ends = watch_ends(draft.incident, setting.policy.of(draft.incident))
        if ends is not None and now < ends:
            again = min(again, ends)
        if draft.events:
            verdict = IntakeDecision(Outcome.UPDATED, draft.events[-1].reason, draft.incident, draft.events)
            try:
                done = await self.intake.writer.commit(verdict, setting, now)
            except StaleVersion:
                return  # it was changed meanwhile: checked again when the lease has expired
            if done.incident is not None:
                count_events(self.intake.metrics, done.incident, draft.events)
        if verify_due(draft.incident, setting.policy.of(draft.incident)) is not None:
            await self.intake.due.later(member, to_ms(again))

    async def results(self, setting: ActiveConfig, now: datetime) -> tuple[CheckResult, ...]:
        """Return the result of every check; each runs once, for all incidents that wait for it."""
        async with self._one:
            every = setting.policy.verify_every
            if self._known is not None and every is not None:
                at, known = self._known
                # A check that did not answer is not repeated at once, because it costs more than it is worth.
                rest = every * 3 if any(check.ok is None for check in known) else every / 2
                if abs(now - at) < rest:
                    return known
            found = tuple(await asyncio.gather(*(self._ask(check, setting, now) for check in setting.checks)))
            self._known = (now, found)
            return found

    async def _ask(self, check: CheckAsked, setting: ActiveConfig, now: datetime) -> CheckResult:
        try:
            if check.http is not None:
                status = await status_of(self.source_client, check.http)
                good = status == check.expect_status
                detail = f"returned {status}" + ("" if good else f", expected {check.expect_status}")
                return CheckResult(name=check.name, ok=good, detail=detail)
            if setting.prometheus is None or check.promql is None:
                return CheckResult(name=check.name, ok=None, detail="no Prometheus is configured")
            sample = await Prometheus(self.source_client, setting.prometheus).query(check.promql, now)
        except SourceError as error:
            return CheckResult(name=check.name, ok=None, detail=str(error))
        below = check.below is None or sample.value < check.below
        above = check.above is None or sample.value > check.above
        bounds = [f"< {check.below:g}"] if check.below is not None else []
        bounds += [f"> {check.above:g}"] if check.above is not None else []
        detail = f"{sample.value:g}, expected {' and '.join(bounds)}"
        return CheckResult(name=check.name, ok=below and above, detail=detail)
