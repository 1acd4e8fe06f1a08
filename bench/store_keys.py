"""The contents of a store by kind of key: some must stay flat under a steady load, and some grow with history.

`incidents.history` keeps each incident for 400 days, so the number of keys grows with the number of incidents. The
number of keys per incident must not grow, nor data that exists only while something is open or due:

- `FLAT`: the members of `open`, `owner`, `held`, `dead`, of each lane of due work, and of incidents held by a storm;
the keys of vendors' quotas. They follow the load, and are flat if the load is flat.
- `EACH`: keys and members of an incident, of its group, or of its terms in the index of similar incidents, kept for
  its history or for 30 days: their number divided by the number of incidents is flat.
- `PASSING`: keys that expire within an hour (`op:`, `tomb:`) or a few days (`once:`); they are only shown.
- All other kinds have one key, or a few (receiver/store/keys.py): `singles`. A kind that exists only while something
waits, such as `held`, may be missing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from receiver.store.keys import TIMERS

EACH = ("inc", "log", "alerts", "bodies", "receipts", "row", "seen", "turn", "key", "like", "fired")
PASSING = ("op", "tomb", "once")
QUOTAS = ("paced", "queued", "waiting", "went")
COUNTED = {"open": "zcard", "owner": "hlen", "held": "hlen", "dead": "hlen"}


@dataclass
class StoreKeys:
    """The store at one moment."""

    total: int = 0
    """Keys (DBSIZE)."""
    used: int = 0
    """Bytes (used_memory)."""
    incidents: int = 0
    """Members of `index`: every stored incident."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Keys of each kind."""
    flat: dict[str, int] = field(default_factory=dict)
    """The size of each value that must stay flat."""

    @property
    def each(self) -> float:
        """The number of keys per incident."""
        return sum(self.kinds[kind] for kind in EACH) / self.incidents if self.incidents else 0.0

    @property
    def each_kind(self) -> dict[str, float]:
        """The number of keys of each kind per incident, so that a leak of one kind is not hidden by another."""
        return {kind: self.kinds[kind] / self.incidents if self.incidents else 0.0 for kind in EACH}

    @property
    def singles(self) -> int:
        """Keys that belong to no incident and no quota, and do not expire."""
        return sum(self.kinds[kind] for kind in self.single_kinds)

    @property
    def single_kinds(self) -> frozenset[str]:
        """The kinds with one key, or a few."""
        return frozenset(self.kinds).difference((*EACH, *PASSING, *QUOTAS, "due", "children"))


async def read_keys(client: Redis, namespace: str) -> StoreKeys:
    """Return the contents of the store. It scans every key, so do not use it on a production store."""
    prefix = f"{{{namespace}}}:"
    found = StoreKeys(total=await client.dbsize(), used=(await client.info("memory"))["used_memory"])
    lanes, children = [], []
    async for raw in client.scan_iter(count=2000):
        name = (raw.decode() if isinstance(raw, bytes) else raw).removeprefix(prefix)
        kind = name.partition(":")[0]
        found.kinds[kind] += 1
        if kind == "due":
            lanes.append(name)
        elif kind == "children":
            children.append(name)
    found.incidents = await client.zcard(f"{prefix}index")
    for name, command in COUNTED.items():
        found.flat[name] = int(await _size(client, command, f"{prefix}{name}"))
    for lane in sorted(lanes):
        found.flat[lane] = int(await client.zcard(f"{prefix}{lane}"))
    found.flat.setdefault(f"due:{TIMERS}", 0)
    found.flat["children"] = sum([int(await _size(client, "hlen", f"{prefix}{name}")) for name in children])
    found.flat["quotas"] = sum(found.kinds[kind] for kind in QUOTAS)
    return found


async def _size(client: Any, command: str, key: str) -> int:
    return int(await getattr(client, command)(key))
