"""The status update drafts that wait for approval, from all incidents that are not closed."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import StatusUpdate
from receiver.model.incident.state import State
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.response.upcoming_steps import waiting_drafts
from receiver.store.incidents.incident_store import IncidentStore

LOOKED_AT = 1000
"""Open incidents that are checked, most severe first; other drafts are shown only on their incidents' pages."""
RESOLVED = 200
"""Resolved incidents that are checked, newest first: their resolution may not be published yet."""
_LAST = datetime.max.replace(tzinfo=UTC)


class WaitingDraft(NamedTuple):
    """A waiting draft, and its incident."""

    incident: Incident
    update: StatusUpdate


class DraftList:
    """One replica's list of waiting drafts; only changed incidents are read again."""

    def __init__(self, cache: IncidentCache, incidents: IncidentStore) -> None:
        """Nothing is read before the first request."""
        self.cache = cache
        self.incidents = incidents
        self._known: dict[str, tuple[int, list[WaitingDraft]]] = {}

    async def waiting(self) -> list[WaitingDraft]:
        """Return the waiting drafts, earliest deadline first. Raises StoreAway."""
        over = (one for one in self.cache.over() if one.state is State.RESOLVED)
        looked = [*islice(self.cache.worst_first(), LOOKED_AT), *islice(over, RESOLVED)]
        stale = [one.uid for one in looked if self._known.get(one.uid, (0, []))[0] < one.version]
        self._known = {one.uid: self._known[one.uid] for one in looked if one.uid in self._known}
        for incident in await self.incidents.many(stale):
            drafts = [WaitingDraft(incident, update) for update in waiting_drafts(incident)]
            self._known[incident.uid] = (incident.version, drafts)
        return self.remembered()

    def remembered(self) -> list[WaitingDraft]:
        """Return the drafts as of the last read from the store."""
        drafts = [draft for _, found in self._known.values() for draft in found]
        return sorted(drafts, key=lambda one: (one.update.deadline or _LAST, one.update.at, one.incident.id))
