"""Snapshots of open incidents in memory, so that their people can be paged without the store."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice

from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.store.incidents.incident_store import IncidentStore

KEPT = 600
"""Maximum number of snapshots, those that changed or were read last."""
WANTED = 300
"""Maximum number of open incidents whose escalation continues without the store, the most severe and newest."""
TOGETHER = 50
"""Number of snapshots that are read at once: about 25 ms of CPU, at most once a second."""
URGENT = 2
"""The rank of the lowest severity that is escalated without the store."""


class IncidentSnapshots:
    """Keeps this replica's commits, and reads those of other replicas, a few each second."""

    def __init__(self, cache: IncidentCache, incidents: IncidentStore) -> None:
        """`cache` reports every newer snapshot."""
        self.cache = cache
        self.incidents = incidents
        self._kept: OrderedDict[str, Incident] = OrderedDict()
        self._unreadable: dict[str, int] = {}
        cache.listeners.append(self.keep)

    def keep(self, incident: Incident) -> None:
        """Keep a snapshot unless a newer one is known; those of finished or held incidents are dropped."""
        known = self._kept.get(incident.uid)
        if incident.state.over or incident.held is not None:
            self._kept.pop(incident.uid, None)
        elif known is None or known.version <= incident.version:
            if not incident.pages and incident.severity.rank > URGENT:
                return
            self._kept[incident.uid] = incident
            self._kept.move_to_end(incident.uid)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def get(self, uid: str) -> Incident | None:
        """Return the incident of a snapshot in its newest known state; None if there is none."""
        incident, summary = self._kept.get(uid), self.cache.get(uid)
        if incident is None or summary is None or summary.version <= incident.version:
            return incident
        news = {"state": summary.state, "severity": summary.severity, "ring": summary.ring, "held": summary.held}
        return incident.model_copy(update=news)

    def due(self, now_ms: int) -> Iterator[Incident]:
        """Return the wanted incidents with a page due by then, as far as their newest state is kept."""
        for summary in self._wanted():
            known = self._kept.get(summary.uid)
            late = summary.call_ms is not None and summary.call_ms <= now_ms
            if late and known is not None and known.version == summary.version:
                yield known

    def behind(self) -> list[str]:
        """Return at most 50 wanted incidents whose newest state is not kept."""
        return list(islice((one.uid for one in self._wanted() if self._lacks(one)), TOGETHER))

    async def refresh(self) -> None:
        """Read the incidents of `behind` in one round trip. Raises StoreAway."""
        uids = self.behind()
        found = {one.uid: one for one in await self.incidents.many(uids)}
        for uid in uids:
            summary = self.cache.get(uid)
            if uid in found:
                self.keep(found[uid])
            elif summary is not None:
                # Gone, or unreadable for this release: it is read again when it changes.
                self._unreadable[uid] = summary.version
        if len(self._unreadable) > KEPT:
            self._unreadable.clear()

    def _wanted(self) -> Iterator[IncidentSummary]:
        for summary in islice(self.cache.worst_first(), WANTED):
            if summary.severity.rank > URGENT:
                return
            if summary.call_ms is not None and summary.held is None:
                yield summary

    def _lacks(self, summary: IncidentSummary) -> bool:
        known = self._kept.get(summary.uid)
        newest = known.version if known is not None else 0
        return newest < summary.version and self._unreadable.get(summary.uid) != summary.version
