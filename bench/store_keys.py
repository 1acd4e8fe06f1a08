"""What a store holds, by kind of key: which kinds must stay flat under a steady load, and which grow with history.

`incidents.history` keeps each incident for 400 days, so the number of keys grows with the number of incidents. What
may not grow is the number of keys an incident has, and what is only there while something is open or owed:

- `FLAT`: the members of `open`, `owner`, `held`, `dead`, of each lane of due work, and of what a storm holds back;
  the keys of vendors' quotas. They follow the load, and are flat when the load is.
- `EACH`: keys and members of an incident, of its group, or of its terms in the index of similar incidents, kept for
  its history or for 30 days: their number divided by the number of incidents is flat.
- `PASSING`: keys that the store itself ends within an hour (`op:`, `tomb:`) or a few days (`once:`): they are shown.
- Everything else is one key of a kind, or a few (receiver/store/keys.py): `singles`. A kind that exists only while
  something waits, such as `held`, comes and goes.
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
    """Members of `index`: every incident that is kept."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Keys of each kind."""
    flat: dict[str, int] = field(default_factory=dict)
    """The size of each thing that must stay flat."""

    @property
    def each(self) -> float:
        """How many keys there are for each incident."""
        return sum(self.kinds[kind] for kind in EACH) / self.incidents if self.incidents else 0.0

    @property
    def each_kind(self) -> dict[str, float]:
        """How many keys of each kind there are for each incident: a leak of one may not hide behind another."""
        return {kind: self.kinds[kind] / self.incidents if self.incidents else 0.0 for kind in EACH}

    @property
    def singles(self) -> int:
        """Keys that are neither an incident's nor a quota's, nor end by themselves."""
        return sum(self.kinds[kind] for kind in self.single_kinds)

    @property
    def single_kinds(self) -> frozenset[str]:
        """The kinds of which there is one key, or a few."""
        return frozenset(self.kinds).difference((*EACH, *PASSING, *QUOTAS, "due", "children"))


async def read_keys(client: Redis, namespace: str) -> StoreKeys:
    """Return what the store holds. It scans every key: not for a store that serves people."""
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
