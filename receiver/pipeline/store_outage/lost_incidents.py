"""Incidents that the store has lost: compares them with this replica's memory, and writes back those with a copy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import structlog

from receiver.clock import Clock
from receiver.incident.paging.planned_pages import page_destination
from receiver.incident.store_outage.incident_summary import summarize
from receiver.metrics import Metrics
from receiver.model.base import to_ms
from receiver.model.incident.event import Destination
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.model.severity import Severity
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.open_incidents.incident_copies import IncidentCopies
from receiver.pipeline.outbox.outbox_rows import member_of, timers_of
from receiver.store.incidents.incident_copy import IncidentCopy
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.incidents.store_recovery import NEWER, StoreMemory
from receiver.store.incidents.stored_records import event_of, readable

PAGE = 100
"""Incidents that are compared in one round trip."""
PAGES = 20
"""Maximum number of pages of an incident whose state at the vendor is verified, the newest ones."""

log = structlog.get_logger("receiver.memory")

Row = tuple[str, str, Destination]


class LossResult(NamedTuple):
    """The outcome for incidents that the store had lost: their sorted ids."""

    back: list[str]
    """Written back, by any replica."""
    gone: list[str]
    diverged: list[str]
    """Their last change was lost, and they have been changed since."""


class LostIncidents:
    """Finds and restores incidents that this replica knew and the store lacks."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        memory: StoreMemory,
        copies: IncidentCopies,
        incidents: IncidentStore,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`copies`: incidents that may have to be written back."""
        self.setting = setting
        self.memory = memory
        self.copies = copies
        self.incidents = incidents
        self.clock = clock
        self.metrics = metrics
        self._lost: dict[str, tuple[int, str]] = {}
        """By uid: the version known here, and the incident's id."""
        self._diverged: set[str] = set()
        """Ids of incidents whose last change was lost and that have been changed since."""

    def __bool__(self) -> bool:
        """Return whether anything was lost."""
        return bool(self._lost or self._diverged)

    async def result(self) -> LossResult:
        """Return the outcome for all lost incidents, based on the store's current content. Raises StoreAway."""
        found: dict[str, int] = {}
        for part in (list(self._lost)[first : first + PAGE] for first in range(0, len(self._lost), PAGE)):
            found |= await self.memory.versions(part)
        gone = sorted(label for uid, (version, label) in self._lost.items() if found[uid] < version)
        return LossResult(sorted(await self.memory.recovered()), gone, sorted(self._diverged))

    def clear(self) -> None:
        """Forget the lost incidents, because people were notified."""
        self._lost, self._diverged = {}, set()

    async def compare(self, uid: str, version: int, known: IncidentSummary | None) -> None:
        """Write an incident back if the store has an older `version` of it than is `known` here. Raises StoreAway."""
        copy = self.copies.get(uid)
        newest = max(known.version if known else 0, copy.version if copy else 0)
        if newest <= version:
            return
        label = known.label if known is not None else copy.id if copy is not None else uid
        self._lost[uid] = (newest, label)
        if copy is not None and copy.version > version:
            await self._give_back(copy)

    async def find_diverged(self, versions: Mapping[str, int]) -> None:
        """Find incidents, by their `versions` in the store, whose last change was lost. Raises StoreAway."""
        # As many commits as before, or more, but not all the same: a replica that did not have the lost one continued
        # from the older state. Its log stays, and people are notified that a change is missing.
        copies = [copy for uid in versions if (copy := self.copies.get(uid)) and copy.events]
        known = [copy for copy in copies if copy.version <= versions[copy.uid] < NEWER]
        for uid in await self.memory.diverged(known):
            copy = self.copies.get(uid)
            if copy is not None:
                self._diverged.add(copy.id)
                log.error("incident_diverged", incident=copy.id, lost=copy.last_event[:1000])

    async def _give_back(self, copy: IncidentCopy) -> None:
        setting, now = self.setting(), self.clock.now()
        incident = readable(copy.uid, copy.state, str(copy.version), copy.id)
        if incident is None:
            return
        given = await self.memory.give_back(
            copy,
            incident,
            summarize(incident, setting.policy.of(incident)),
            rows=rows_of(incident, copy.events),
            timers=timers_of(incident, setting),
            number=setting.id_parts(incident.opened_at),
            ttl_s=self.incidents.history_s,
            now_ms=to_ms(now),
        )
        if given:
            self.metrics.lost_incidents.labels("written_back").inc()
            log.warning("incident_written_back", incident=given, state=incident.state, version=copy.version)


def rows_of(incident: Incident, events: Iterable[str | bytes]) -> tuple[list[Row], list[Row]]:
    """Return the rows of an incident's newest pages, and those of the channels that have it."""
    urgent = "!" if incident.severity in (Severity.SEV1, Severity.SEV2) else ""
    pages = [
        (member_of(incident.uid, page.channel, page.key), f"{page.channel}{urgent}", page_destination(page))
        for page in incident.pages[-PAGES:]
    ]
    told = dict.fromkeys(to for row in events for to in event_of(row).to if not to.paging)
    return pages, [(member_of(incident.uid, to.channel, to.address), to.channel, to) for to in told]
