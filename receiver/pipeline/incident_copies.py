"""Copies of incidents as they lie in the store: what a replica writes back when the store has lost its memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import orjson

from receiver.model.incident import State
from receiver.model.incident_copy import IncidentCopy
from receiver.model.incident_summary import IncidentSummary
from receiver.store.change import Change
from receiver.store.memory import StoreMemory

BYTES = 48 * 1024 * 1024
"""Bytes of copies that are kept, about: some 2,500 incidents."""
OVER = 1000
"""Copies of incidents that are over that are kept: they tell an older store that nobody is to be called."""
LARGEST = 500
"""Firing alerts above which no copy is kept: reading it each time would hold up everything else."""
AT_ONCE = 20
"""Incidents that are read at once."""


class IncidentCopies:
    """What this replica commits is copied with the commit; what others commit is read a moment later."""

    def __init__(self, memory: StoreMemory) -> None:
        """Nothing is copied yet."""
        self.memory = memory
        self._open: OrderedDict[str, IncidentCopy] = OrderedDict()
        self._over: OrderedDict[str, IncidentCopy] = OrderedDict()
        self._bytes = 0
        self._wanted: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        """Return how many copies there are."""
        return len(self._open) + len(self._over)

    @property
    def waiting(self) -> bool:
        """Whether something is to be read."""
        return bool(self._wanted)

    def get(self, uid: str) -> IncidentCopy | None:
        """Return the copy of an incident, or None."""
        return self._open.get(uid) or self._over.get(uid)

    def uids(self) -> list[str]:
        """Return the uids of all copies."""
        return [*self._open, *self._over]

    def changed(self, summary: IncidentSummary) -> None:
        """Have an incident read that has changed, unless the copy is as new."""
        copy = self.get(summary.uid)
        if copy is not None and copy.version >= summary.version:
            return
        if summary.firing > LARGEST:
            self._drop(summary.uid)
        elif copy is not None or self._bytes < BYTES:
            self._wanted[summary.uid] = None

    def committed(self, change: Change, args: Sequence[Any], number: str, version: int) -> None:
        """Take over what this replica has committed as `version`: the arguments of the script are what is stored."""
        incident = change.incident
        if incident is None:
            return
        known = self.get(incident.uid)
        if incident.version == 0:
            known = IncidentCopy(incident.uid, number, 0, "")
        elif known is None or known.version != incident.version:
            return  # it is read when the cache hears of it
        alerts, bodies = len(change.records), len(change.bodies)
        first = 2 + len(change.events)
        self._drop(incident.uid)
        known.events += [_text(event) for event in args[2:first]]
        known.alerts |= _pairs(args[first : first + 2 * alerts])
        known.bodies |= _pairs(args[first + 2 * alerts : first + 2 * (alerts + bodies)])
        for name in change.gone:
            known.alerts.pop(name, None)
            known.bodies.pop(name, None)
        known.state, known.version, known.over = _text(args[1]), version, incident.state.over
        self._put(known)

    async def read(self) -> None:
        """Read some of what has changed. Raises StoreAway."""
        if self._bytes >= BYTES:
            # Full: only what has a copy is kept up.
            self._wanted = OrderedDict.fromkeys(uid for uid in self._wanted if self.get(uid) is not None)
        uids = list(self._wanted)[:AT_ONCE]
        if not uids:
            return
        for copy in await self.memory.copies(uids):
            known = self.get(copy.uid)
            if known is None or known.version < copy.version:
                copy.over = orjson.loads(copy.state).get("state") in (State.RESOLVED, State.CLOSED)
                self._drop(copy.uid)
                self._put(copy)
        for uid in uids:
            self._wanted.pop(uid, None)

    def forget_wanted(self) -> None:
        """Read nothing of what was to be read: the store does not know it any more."""
        self._wanted.clear()

    def _put(self, copy: IncidentCopy) -> None:
        if len(copy.alerts) > LARGEST:
            return
        self._wanted.pop(copy.uid, None)
        (self._over if copy.over else self._open)[copy.uid] = copy
        self._bytes += copy.size
        while len(self._over) > OVER or (self._bytes > BYTES and len(self) > 1):
            self._drop(next(iter(self._over or self._open)))

    def _drop(self, uid: str) -> None:
        copy = self._open.pop(uid, None) or self._over.pop(uid, None)
        if copy is not None:
            self._bytes -= copy.size


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _pairs(values: Sequence[Any]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in zip(values[::2], values[1::2], strict=True)}
