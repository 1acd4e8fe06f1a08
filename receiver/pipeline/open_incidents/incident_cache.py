"""This replica's memory of every open incident, and of those that ended last, for use without the store.

It keeps a summary of each incident, not the snapshot: 100,000 open incidents need about 150 MB. A commit changes only
the entry of its own incident; counts and indexes are updated with each change, so that nothing here iterates over all
incidents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from receiver.incident.store_outage.incident_summary import remembered
from receiver.metrics import Metrics
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from receiver.pipeline.open_incidents.opening_order import OpeningOrder
from receiver.pipeline.open_incidents.public_incidents import PublicIncidents

OVER = 2000
"""Maximum number of finished incidents whose summary is kept, the most recent ones."""


class IncidentCache:
    """Summaries by uid, by correlation key, by page key, and in the order of severity and opening."""

    def __init__(self, metrics: Metrics) -> None:
        """Start empty; IncidentFollower fills it."""
        self.metrics = metrics
        self.after = 0
        """The number of the last known commit."""
        self.complete = False
        """Whether every open incident of the store is here; until then the gauges are not updated."""
        self.public = PublicIncidents()
        self.listeners: list[Callable[[Incident], None]] = []
        """Called with every newer snapshot that is read, or committed here."""
        self.listening: Callable[[], bool] = lambda: False
        """Whether a listener needs the snapshots that other replicas commit; otherwise they are not read."""
        self.changed: list[Callable[[IncidentSummary], None]] = []
        """Called with every newer summary."""
        self._open: dict[str, IncidentSummary] = {}
        self._over: dict[str, IncidentSummary] = {}
        self._newest_over: list[IncidentSummary] | None = None
        """The finished ones, sorted, because every page of the console needs them. None: they must be sorted again."""
        self._by_key: dict[str, str] = {}
        self._by_page: dict[str, tuple[str, ...]] = {}
        self._held: dict[str, set[str]] = {}
        self._order = OpeningOrder()
        self._counts: Counter[tuple[Severity, State, str]] = Counter()
        self._committed: dict[str, int] = {}

    @property
    def highest(self) -> int:
        """The number of the last known commit, including those of this replica."""
        return max(self.after, max(self._committed.values(), default=0))

    def __len__(self) -> int:
        """Return how many incidents are open."""
        return len(self._open)

    def committed(self, summary: IncidentSummary, incident: Incident, number: int) -> None:
        """Update the cache with this replica's commit `number`, which is not read back from the store."""
        if number > self.after:
            self._committed[summary.uid] = number
        self.take(summary, incident)

    def own(self, uid: str, number: int) -> bool:
        """Return whether commit `number` of `uid` was made here, or precedes one that was, so it need not be read."""
        made = self._committed.get(uid, 0)
        if made and made <= number:
            del self._committed[uid]
        return made >= number

    def take(self, summary: IncidentSummary, incident: Incident | None = None, *, news: bool = True) -> bool:
        """Add a newer version of an incident, and return whether it is newer than the known one.

        `incident`: the snapshot, which published updates and listeners need. `news`: whether it has just changed, so
        that listeners are called.
        """
        known = self.get(summary.uid)
        if known is not None and known.version >= summary.version:
            return False
        if known is not None:
            self._remove(known)
            self._unpoint(summary.uid, set(known.keys).difference(summary.keys))
        self._add(summary)
        for tell in self.changed:
            tell(summary)
        if incident is not None:
            self.public.take(incident)
            for listener in self.listeners if news else ():
                listener(incident)
        elif known is not None and not summary.public:
            self.public.drop(summary.uid)
        return True

    def get(self, uid: str) -> IncidentSummary | None:
        """Return the summary of an incident, or None."""
        return self._open.get(uid) or self._over.get(uid)

    def at(self, key: str) -> Incident | None:
        """Return the newest incident of a correlation key, as far as emergency pages need it."""
        uid = self._by_key.get(key)
        summary = self.get(uid) if uid is not None else None
        return remembered(summary) if summary is not None else None

    def open(self) -> list[IncidentSummary]:
        """Return the open incidents. The list is a copy: iterate over it in steps, not all at once."""
        return list(self._open.values())

    def over(self) -> Sequence[IncidentSummary]:
        """Return the finished incidents in memory (at most 2,000), the newest first; do not change the list."""
        if self._newest_over is None:
            self._newest_over = sorted(self._over.values(), key=lambda one: (one.opened_ms, one.uid), reverse=True)
        return self._newest_over

    def paged(self, key: str) -> list[IncidentSummary]:
        """Return the incidents that have the page with this key."""
        found = (self.get(uid) for uid in self._by_page.get(key, ()))
        return [summary for summary in found if summary is not None]

    def held(self, why: str) -> list[IncidentSummary]:
        """Return the open incidents that are held for that reason (Incident.held)."""
        return [self._open[uid] for uid in self._held.get(why, ())]

    def worst_first(self, *, oldest: bool = False) -> Iterator[IncidentSummary]:
        """Return the open incidents, most severe first, then newest (or `oldest`) first.

        Do not keep the iterator over an await.
        """
        return (self._open[uid] for uid in self._order.worst_first(oldest=oldest))

    def oldest_first(self) -> Iterator[IncidentSummary]:
        """Return the incidents that are open now, the oldest first; the iterator may be kept over an await."""
        return (summary for uid in self._order.oldest_first() if (summary := self._open.get(uid)) is not None)

    def newest_first(self, before: tuple[int, str] | None = None) -> Iterator[IncidentSummary]:
        """Return those that are open now and opened `before` that time (ms) and uid, the newest first.

        The iterator may be kept over an await.
        """
        return (summary for uid in self._order.newest_first(before) if (summary := self._open.get(uid)) is not None)

    def clear(self) -> list[IncidentSummary]:
        """Remove everything, because the store has lost it; return the open incidents."""
        was_open = self.open()
        for index in (self._open, self._over, self._by_key, self._by_page, self._held, self._counts, self._committed):
            index.clear()
        self._newest_over = None
        self._order.clear()
        self.public.clear()
        self.complete, self.after = False, 0
        return was_open

    def completed(self) -> None:
        """Record that every open incident is here: from now on, the gauges are updated."""
        self.complete = True
        for severity in Severity:
            for state in State:
                for team in self.metrics.teams:
                    self.metrics.open.labels(severity, state, team).set(self._counts[severity, state, team])

    def _add(self, summary: IncidentSummary) -> None:
        uid = summary.uid
        if summary.state.over:
            self._over[uid] = summary
            self._newest_over = None
        else:
            self._open[uid] = summary
            self._order.add(summary)
            if summary.held is not None:
                self._held.setdefault(summary.held, set()).add(uid)
            self._count(summary, 1)
        for key in summary.keys:
            other = self.get(self._by_key.get(key, ""))
            if other is None or other.uid == uid or _follows(summary, other):
                self._by_key[key] = uid
        for page in summary.pages:
            others = self._by_page.get(page.key, ())
            if uid not in others:
                self._by_page[page.key] = (*others, uid)
        if len(self._over) > OVER:
            self._forget(self._over[next(iter(self._over))])

    def _remove(self, summary: IncidentSummary) -> None:
        uid = summary.uid
        self._newest_over = None if uid in self._over else self._newest_over
        if self._over.pop(uid, None) is None:
            del self._open[uid]
            self._order.remove(summary)
            if summary.held is not None:
                self._held[summary.held].discard(uid)
                if not self._held[summary.held]:
                    del self._held[summary.held]
            self._count(summary, -1)
        for page in summary.pages:
            others = tuple(other for other in self._by_page.get(page.key, ()) if other != uid)
            if others:
                self._by_page[page.key] = others
            else:
                self._by_page.pop(page.key, None)

    def _forget(self, summary: IncidentSummary) -> None:
        self._remove(summary)
        self._unpoint(summary.uid, summary.keys)

    def _unpoint(self, uid: str, keys: Iterable[str]) -> None:
        for key in keys:
            if self._by_key.get(key) == uid:
                del self._by_key[key]

    def _count(self, summary: IncidentSummary, by: int) -> None:
        if summary.drill:
            return
        counted = summary.severity, summary.state, self.metrics.team(summary.team)
        self._counts[counted] += by
        if self.complete:
            self.metrics.open.labels(*counted).set(self._counts[counted])


def _follows(summary: IncidentSummary, other: IncidentSummary) -> bool:
    # The key of a merged incident belongs to its target, which may be the older of the two.
    if summary.merged != other.merged:
        return other.merged
    return other.opened_ms <= summary.opened_ms
