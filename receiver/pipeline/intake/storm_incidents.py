"""Opens the incident that represents a storm, once, and adopts the pages that were sent for it without the store."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from receiver.incident.alerts.alert_storm import open_storm, storm_key
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.paging.page_responders import adopt_pages
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.page import Page
from receiver.model.severity import Severity
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.incident_writer import TRIES, IncidentWriter
from receiver.store.incidents.commit_request import StaleVersion, new_uid
from receiver.store.incidents.incident_store import IncidentStore


class StormIncidents:
    """Opens the incidents of storms."""

    def __init__(self, incidents: IncidentStore, writer: IncidentWriter) -> None:
        """`writer` commits the openings."""
        self.incidents = incidents
        self.writer = writer

    async def open(
        self,
        severity: Severity,
        why: str,
        setting: ActiveConfig,
        now: datetime,
        adopted: Sequence[tuple[Page, bool]] = (),
        began: datetime | None = None,
        *,
        team: str = "",
    ) -> None:
        """Open the incident that represents a storm of `team`; another replica may be faster.

        `adopted`: pages that were sent for it without the store since `began`, with whether they were accepted.
        Raises StoreAway.
        """
        # A person may have ended the previous one, and the key still points to it.
        key = storm_key(team)
        sent = [page for page, _ in adopted]
        for _ in range(TRIES):
            before, is_open = (await self.incidents.led([key]))[key]
            if is_open:
                await self._adopt_into(before, adopted, setting, now)
                return
            verdict = open_storm(new_uid(), severity, why, setting.policy.for_team(team), now, before, sent, began)
            # If another replica was faster, its storm adopts the pages: nothing else would ever resolve them.
            with suppress(StaleVersion):
                await self.writer.commit(verdict, setting, now, adopted=adopted)
                return

    async def _adopt_into(
        self, uid: str, adopted: Sequence[tuple[Page, bool]], setting: ActiveConfig, now: datetime
    ) -> None:
        for _ in range(TRIES if adopted else 0):
            incident = await self.incidents.incident(uid)
            if incident is None:
                return
            draft = Transition(incident, Actor(kind=ActorKind.TIMER, name="emergency"), now)
            adopt_pages(draft, [page for page, _ in adopted])
            if not draft.events:
                return
            verdict = IntakeDecision(Outcome.UPDATED, "emergency", draft.incident, draft.events)
            try:
                await self.writer.commit(verdict, setting, now, adopted=adopted)
            except StaleVersion:
                continue
            return
