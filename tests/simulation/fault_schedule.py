"""A random schedule: the times at which alerts fire, and the faults. A pure function of its seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.simulation.store_faults import Way

LAST_FAULT, LAST_ALERT = 62.0, 80.0
"""Seconds after which there are no faults and no firing alerts."""
REPLICAS = ("a", "b")
PAGER_MOODS = ("error", "limited", "reset", "hang", "lost", "late")
"""500; 429; connection reset before the request; no response; accepted, and the response lost; accepted too late."""


@dataclass(frozen=True)
class Spell:
    """A time in which an alert fires, in seconds."""

    starts: float
    ends: float


@dataclass(frozen=True)
class Group:
    """A group of alerts, each with the spells in which it fires."""

    name: str
    severe: bool
    """SEV-1, which pages two people; otherwise SEV-2, which pages one."""
    alerts: tuple[tuple[Spell, ...], ...]
    gossip: bool
    """Whether the Alertmanagers share their notification logs."""


@dataclass(frozen=True)
class Fault:
    """A fault and its duration."""

    target: str
    """`store`, the path to it (`store of a`), a replica (`a`), `pager` or `chat`."""
    kind: str
    starts: float
    ends: float
    much: float = 0.0
    """Maximum seconds of a slow round trip, or the seconds that each callback of a throttled replica takes."""


@dataclass(frozen=True)
class Schedule:
    """The events of one run."""

    seed: int
    lease: float
    """Length of a lease in seconds; the deadline of a send is two thirds of it."""
    groups: tuple[Group, ...]
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        lines = [f"SCHEDULE_SEED={self.seed} (leases of {self.lease:g} s)"]
        for group in self.groups:
            spells = "; ".join(
                " ".join(f"{spell.starts:.1f}-{spell.ends:.1f}" for spell in spells) for spells in group.alerts
            )
            lines.append(
                f"  {group.name} SEV-{1 if group.severe else 2}{'' if group.gossip else ' no gossip'}: {spells}"
            )
        for fault in self.faults:
            more = f" {fault.much:.4f}" if fault.much else ""
            lines.append(f"  {fault.target} {fault.kind}{more}: {fault.starts:.1f}-{fault.ends:.1f}")
        return "\n".join(lines)


def make(seed: int) -> Schedule:
    """Return the schedule of `seed`."""
    chance = random.Random(seed)
    groups = tuple(_group(chance, number) for number in range(1, chance.randint(2, 5) + 1))
    faults = sorted((_fault(chance) for _ in range(chance.randint(2, 6))), key=lambda fault: fault.starts)
    return Schedule(seed, chance.choice((3.0, 12.0)), groups, tuple(faults))


def _group(chance: random.Random, number: int) -> Group:
    flapping = chance.random() < 0.4
    alerts = tuple(_spells(chance, flapping=flapping) for _ in range(chance.choice((1, 1, 2, 3))))
    return Group(f"Probe{number}", chance.random() < 0.4, alerts, chance.random() < 0.8)


def _spells(chance: random.Random, *, flapping: bool) -> tuple[Spell, ...]:
    at, spells = chance.uniform(1, 22), list[Spell]()
    while at < LAST_ALERT - 5 and (flapping or not spells):
        ends = min(LAST_ALERT, at + (chance.uniform(4, 25) if flapping else chance.uniform(12, 55)))
        spells.append(Spell(round(at, 3), round(ends, 3)))
        at = ends + chance.uniform(3, 20)
    return tuple(spells)


def _fault(chance: random.Random) -> Fault:
    starts = chance.uniform(0, LAST_FAULT - 5)
    ends = min(LAST_FAULT, starts + chance.choice((chance.uniform(0.5, 6), chance.uniform(6, 30))))
    replica = chance.choice(REPLICAS)
    what = chance.choice(("store", "store", "path", "path", "replica", "replica", "pager", "pager", "chat"))
    much = 0.0
    if what == "store":
        target, kind = "store", chance.choice((Way.REFUSED, Way.PAUSED, Way.SLOW))
    elif what == "path":
        target = f"store of {replica}"
        kind = chance.choice((Way.REFUSED, Way.LOST, Way.DEAF, Way.SLOW))
    elif what == "replica":
        target, kind = replica, chance.choice(("stopped", "stopped", "throttled"))
        much = chance.choice((0.0003, 0.001, 0.002)) if kind == "throttled" else 0.0
    else:
        target, kind = what, chance.choice(PAGER_MOODS)
    if kind == Way.SLOW:
        much = chance.choice((0.1, 0.3, 0.6, 1.0))
    return Fault(target, str(kind), round(starts, 3), round(ends, 3), much)
