"""Changes before an incident: GitHub is queried once for each incident, and the result is recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from receiver.incident.context.recent_changes import changes_due, on_changes_read, on_changes_unavailable
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.timers import CHANGES
from receiver.metrics import Metrics
from receiver.model.base import to_ms
from receiver.model.incident.recent_changes import RecentChange
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.intake import Intake
from receiver.sources.github import GitHub
from receiver.sources.http_client import SourceClient, SourceError
from receiver.store.incidents.commit_request import StaleVersion
from receiver.store.incidents.incident_store import IncidentStore

FRESH = timedelta(seconds=60)
"""How long a response about a repository is reused."""
AGAIN = timedelta(seconds=60)
FAILED = timedelta(seconds=30)
"""How long a failure is reused for other incidents of the same repository."""
AT_ONCE = 4
"""Maximum number of repositories that are queried at once."""
SOON = timedelta(seconds=2)
"""How long until an incident is retried while its repository is being queried, or waits for other repositories."""
PATIENCE = timedelta(minutes=5)
"""How long to wait for a response before the changes are recorded as unknown."""

log = structlog.get_logger("receiver.changes")


class RecentChangesReader:
    """The timer of incidents whose service has a repository (`links.github`)."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        incidents: IncidentStore,
        intake: Intake,
        source_client: SourceClient,
        metrics: Metrics,
    ) -> None:
        """Create it without known changes."""
        self.setting = setting
        self.incidents = incidents
        self.intake = intake
        self.source_client = source_client
        self.metrics = metrics
        self._known: dict[str, tuple[datetime, Sequence[RecentChange]]] = {}
        self._failed: dict[str, tuple[datetime, SourceError]] = {}
        self._asked: set[str] = set()
        """Repositories being queried. No task waits for a response, because tasks would pile up when GitHub is slow."""

    async def on_timer(self, uid: str, now: datetime) -> None:
        """Query the changes before the incident `uid`, and record them, or that they are unknown. Raises StoreAway."""
        member, setting = f"{uid} {CHANGES}", self.setting()
        incident = await self.incidents.incident(uid)
        if incident is None or setting.github is None or changes_due(incident, setting.policy.of(incident)) is None:
            await self.intake.due.drop_timer(member)
            return
        repository = setting.policy.repositories[incident.service or ""]
        if not self._answered(repository, now) and (repository in self._asked or len(self._asked) >= AT_ONCE):
            await self.intake.due.later(member, to_ms(now + SOON))
            return
        try:
            found = await self._ask(repository, setting, now)
            draft = on_changes_read(incident, repository, found, setting.policy.of(incident), now)
        except SourceError as error:
            if now - incident.opened_at < PATIENCE:
                await self.intake.due.later(member, to_ms(now + AGAIN))
                return
            draft = on_changes_unavailable(incident, repository, str(error), setting.policy.of(incident), now)
        verdict = IntakeDecision(Outcome.UPDATED, draft.events[-1].reason, draft.incident, draft.events)
        try:
            await self.intake.writer.commit(verdict, setting, now)
        except StaleVersion:
            return  # changed in the meantime: retried after the lease, with the known result

    def _answered(self, repository: str, now: datetime) -> bool:
        """Return whether there is a response or a failure that is still fresh."""
        known, failed = self._known.get(repository), self._failed.get(repository)
        if known is not None and abs(now - known[0]) < FRESH:
            return True
        return failed is not None and abs(now - failed[0]) < FAILED

    async def _ask(self, repository: str, setting: ActiveConfig, now: datetime) -> Sequence[RecentChange]:
        """Return the changes, from memory if they are fresh. Raises SourceError."""
        known, failed = self._known.get(repository), self._failed.get(repository)
        if known is not None and abs(now - known[0]) < FRESH:
            return known[1]
        if failed is not None and abs(now - failed[0]) < FAILED:
            raise SourceError(failed[1].reason, str(failed[1]))
        assert setting.github is not None  # noqa: S101  (look has seen to it)
        url, token = setting.github
        self._asked.add(repository)
        try:
            found = await GitHub(self.source_client, url, token.get_secret_value()).changes(repository)
        except SourceError as error:
            # Logged once for a response, not for each incident that reuses it: in a storm these are hundreds a second.
            self.metrics.loop_errors.labels(CHANGES).inc()
            log.warning("changes_lookup_failed", repository=repository, reason=error.reason, detail=str(error))
            # Not `error` itself, which holds the frames of its request.
            self._failed[repository] = (now, SourceError(error.reason, str(error)))
            raise
        finally:
            self._asked.discard(repository)
        self._failed.pop(repository, None)
        self._known[repository] = (now, found)
        return found
