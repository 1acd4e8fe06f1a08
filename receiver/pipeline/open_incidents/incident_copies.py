"""Copies of incidents as stored, which a replica writes back if the store has lost its data."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import orjson

from receiver.model.incident.incident_summary import IncidentSummary
from receiver.model.incident.state import State
from receiver.store.incidents.commit_request import CommitRequest
from receiver.store.incidents.incident_copy import IncidentCopy
from receiver.store.incidents.store_recovery import StoreMemory

BYTES = 48 * 1024 * 1024
"""Approximate maximum size of all copies in bytes: some 2,500 incidents."""
LEAN_BYTES = BYTES // 2
"""Maximum size of lean copies in bytes; one may have up to half of that: about 45,000 alerts."""
OVER = 1000
"""Maximum number of copies of finished incidents; in an older store they prevent pages for incidents that are over."""
LARGEST = 500
"""Number of alerts above which a copy is lean: without the alerts' text (up to megabytes), and read less often."""
AT_ONCE = 20
"""Maximum number of incidents that are read at once; a lean one is read alone."""


class IncidentCopies:
    """Copies this replica's commits immediately, and reads those of other replicas a moment later."""

    def __init__(self, memory: StoreMemory) -> None:
        """Create it without copies."""
        self.memory = memory
        self._open: OrderedDict[str, IncidentCopy] = OrderedDict()
        self._over: OrderedDict[str, IncidentCopy] = OrderedDict()
        self._bytes = 0
        self._lean: OrderedDict[str, None] = OrderedDict()
        """The uids of lean copies, in the order in which they were added."""
        self._lean_bytes = 0
        self._sizes: dict[str, int] = {}
        self._wanted: OrderedDict[str, int] = OrderedDict()
        """Latest known version, by uid."""
        self._wanted_lean: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        """Return how many copies there are."""
        return len(self._open) + len(self._over)

    @property
    def waiting(self) -> bool:
        """Whether incidents wait to be read."""
        return bool(self._wanted)

    @property
    def size(self) -> int:
        """The approximate size of all copies in bytes."""
        return self._bytes

    def get(self, uid: str) -> IncidentCopy | None:
        """Return the copy of an incident, or None."""
        return self._open.get(uid) or self._over.get(uid)

    def uids(self) -> list[str]:
        """Return the uids of all copies, those of lean ones last, because writing one back takes a while."""
        return sorted((*self._open, *self._over), key=lambda uid: (copy := self.get(uid)) is not None and copy.lean)

    def changed(self, summary: IncidentSummary) -> None:
        """Queue a changed incident to be read, unless its copy is as new."""
        copy = self.get(summary.uid)
        if copy is not None and copy.version >= summary.version:
            return
        if copy is None and self._bytes >= BYTES:
            return
        lean = summary.firing > LARGEST or (copy is not None and len(copy.alerts) > LARGEST)
        (self._wanted_lean if lean else self._wanted)[summary.uid] = summary.version

    def committed(self, change: CommitRequest, args: Sequence[Any], number: str, version: int) -> None:
        """Copy this replica's commit of `version`: the arguments of the script are the stored data."""
        incident = change.incident
        if incident is None:
            return
        known = self.get(incident.uid)
        if incident.version == 0:
            known = IncidentCopy(incident.uid, number, 0, "")
        elif known is None or known.version != incident.version:
            return  # it is read once the cache has it
        alerts, bodies = len(change.records), len(change.bodies)
        first = 2 + len(change.events)
        self._drop(incident.uid)
        known.lean = known.lean or alerts > LARGEST
        known.events += args[2:first]
        known.alerts |= _pairs(args[first : first + 2 * alerts])
        if not known.lean:
            known.bodies |= _pairs(args[first + 2 * alerts : first + 2 * (alerts + bodies)])
        for name in change.gone:
            known.alerts.pop(name, None)
            known.bodies.pop(name, None)
        known.state, known.version, known.over = args[1], version, incident.state.over
        self._put(known)

    async def read(self) -> None:
        """Read some of the changed incidents. Raises StoreAway."""
        self._keep_up(self._wanted)
        wanted = list(islice(self._wanted.items(), AT_ONCE))
        if wanted:
            self._take(await self.memory.copies([uid for uid, _ in wanted]))
        _settle(self._wanted, wanted)

    async def read_lean(self) -> None:
        """Read one changed incident with many alerts, which takes a while. Raises StoreAway."""
        self._keep_up(self._wanted_lean)
        wanted = list(islice(self._wanted_lean.items(), 1))
        if wanted:
            self._take(await self.memory.copies([uid for uid, _ in wanted], lean=True))
        _settle(self._wanted_lean, wanted)

    def _keep_up(self, wanted: OrderedDict[str, int]) -> None:
        # Full: only existing copies are updated.
        if self._bytes >= BYTES:
            for uid in [uid for uid in wanted if self.get(uid) is None]:
                del wanted[uid]

    def _take(self, copies: Iterable[IncidentCopy]) -> None:
        for copy in copies:
            known = self.get(copy.uid)
            if known is None or known.version < copy.version or (known.lean and not copy.lean):
                copy.over = _is_over(copy.state)
                self._drop(copy.uid)
                self._put(copy)

    def forget_wanted(self) -> None:
        """Clear the queue of incidents to read, because the store no longer has them."""
        self._wanted.clear()
        self._wanted_lean.clear()

    def _put(self, copy: IncidentCopy) -> None:
        shrunk = copy.lean and len(copy.alerts) <= LARGEST
        if len(copy.alerts) > LARGEST:
            copy.lean, copy.bodies = True, {}
        size = copy.size
        if copy.lean and size > LEAN_BYTES // 2:
            return
        (self._over if copy.over else self._open)[copy.uid] = copy
        self._sizes[copy.uid] = size
        self._bytes += size
        if copy.lean:
            self._lean[copy.uid] = None
            self._lean_bytes += size
        if shrunk:
            self._wanted[copy.uid] = copy.version  # the text of its alerts is read again
        while len(self._over) > OVER or (self._bytes > BYTES and len(self) > 1):
            self._drop(self._least())

    def _least(self) -> str:
        # The uid of the copy that is dropped first. Incidents with many alerts may use at most half of the space. If
        # the space is full, every commit calls this, so it must not iterate over all copies.
        if self._over:
            return next(iter(self._over))
        return next(iter(self._lean if self._lean_bytes > LEAN_BYTES else self._open))

    def _drop(self, uid: str) -> None:
        copy = self._open.pop(uid, None) or self._over.pop(uid, None)
        if copy is not None:
            size = self._sizes.pop(uid)
            self._bytes -= size
            if uid in self._lean:
                del self._lean[uid]
                self._lean_bytes -= size


def _settle(waiting: OrderedDict[str, int], read: Iterable[tuple[str, int]]) -> None:
    """Remove what was read from the queue, unless a newer version became known meanwhile."""
    for uid, version in read:
        if waiting.get(uid) == version:
            del waiting[uid]


def _is_over(state: str) -> bool:
    """Return whether the snapshot's incident is over; an unreadable one may be open."""
    try:
        written = orjson.loads(state)
    except ValueError:
        return False
    return isinstance(written, dict) and written.get("state") in (State.RESOLVED, State.CLOSED)


def _pairs(values: Sequence[Any]) -> dict[str, str | bytes]:
    return dict(zip(values[::2], values[1::2], strict=True))
