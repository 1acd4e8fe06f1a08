"""The error budgets in Prometheus that an incident, or a month, has spent.

The query returns the bad fraction over a time range; if there is no result, the duration of incidents counts.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.timers import BUDGET, budget_due
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.postmortem import CorrectedTime
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.intake import Intake
from receiver.review.error_budget import spent_of
from receiver.review.review_settings import Budget, ReviewTargets
from receiver.sources.http_client import SourceClient, SourceError
from receiver.sources.prometheus import Prometheus
from receiver.store.incidents.commit_request import StaleVersion
from receiver.store.incidents.incident_store import IncidentStore

SHORTEST = timedelta(minutes=1)
"""Minimum time range: a shorter one has too few samples."""
_PLACE = re.compile(r"\{\{\s*window\s*\}\}")

log = structlog.get_logger("receiver.budgets")


class ErrorBudgets:
    """The timer of resolved incidents, and the queries of a monthly report."""

    def __init__(
        self, setting: Callable[[], ActiveConfig], incidents: IncidentStore, intake: Intake, source_client: SourceClient
    ) -> None:
        """The Prometheus server is that of `verification`."""
        self.setting = setting
        self.incidents = incidents
        self.intake = intake
        self.source_client = source_client

    async def on_timer(self, uid: str, now: datetime) -> None:
        """Query what the incident `uid` has spent, once, and record it. Raises StoreAway."""
        setting = self.setting()
        incident = await self.incidents.incident(uid)
        found: dict[str, float] = {}
        if incident is not None and budget_due(incident, setting.policy.of(incident)) is not None:
            found = await self._spent(incident, setting.terms)
        if incident is None or not found:
            await self.intake.due.drop_timer(f"{uid} {BUDGET}")
            return
        words = ", ".join(f"{part:.0%} of that of {name}" for name, part in found.items())
        draft = Transition(incident, Actor(kind=ActorKind.TIMER, name=BUDGET), now)
        draft.add(Kind.BUDGET_KNOWN, "asked", f"error budgets spent: {words}", {"spent": found})
        verdict = IntakeDecision(Outcome.UPDATED, "asked", draft.incident, draft.events)
        try:
            await self.intake.writer.commit(verdict, setting, now)
        except StaleVersion:
            return  # changed in the meantime: queried again after the lease

    async def measured(
        self, told: Sequence[Mapping[str, Any]], terms: ReviewTargets, until: datetime
    ) -> list[Mapping[str, Any]]:
        """Return the error budgets for the review; those with a query are from Prometheus at `until`."""
        bad = await asyncio.gather(*(self._bad(one, one.window, until) for one in terms.budgets))
        return [
            one if part is None else {**one, **spent_of(part * one["window"], one["allowed"]), "by": "prometheus"}
            for one, part in zip(told, bad, strict=True)
        ]

    async def _spent(self, incident: Incident, terms: ReviewTargets) -> dict[str, float]:
        ended = incident.clocks.get(CorrectedTime.RESOLVED) or incident.resolved_at
        if ended is None:
            return {}
        lasted = max(SHORTEST, ended - (incident.clocks.get(CorrectedTime.IMPACT_BEGAN) or incident.started_at))
        wanted = [one for one in terms.budgets if incident.severity in one.severities and one.target < 1]
        bad = await asyncio.gather(*(self._bad(one, lasted, ended) for one in wanted))
        return {
            one.name: round(part * (min(lasted, one.window) / one.window) / (1 - one.target), 6)
            for one, part in zip(wanted, bad, strict=True)
            if part is not None
        }

    async def _bad(self, budget: Budget, window: timedelta, until: datetime) -> float | None:
        # The bad fraction over `window` until then; None: not queried, or no result.
        url = self.setting().prometheus
        if budget.promql is None or url is None:
            return None
        query = _PLACE.sub(f"{round(window.total_seconds())}s", budget.promql)
        try:
            part = (await Prometheus(self.source_client, url).query(query, until)).value
        except SourceError as error:
            log.info("budget_query_failed", objective=budget.name, reason=error.reason)
            return None
        return min(1.0, max(0.0, part))
