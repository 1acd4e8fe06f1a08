"""Checks a run by two ledgers, the sender's and the vendors', without knowledge of the service.

A notification that pages and was answered with 2xx while firing is a debt: each of its routing keys must get one
trigger, soon, under one key, and its resolve once the alert has ended, and not before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PROBE = re.compile(r"Probe\d+")
"""The name of an alert that a test sends, which is in every trigger's summary."""
LATE = 15.0
"""Maximum seconds from the 2xx to the page, excluding the time in which no replica could send it."""
SLACK = 0.25
"""Maximum seconds by which two processes' clocks may differ."""

Entry = Mapping[str, Any]
Span = tuple[float, float]


@dataclass
class Ring:
    """The accepted triggers and resolves of one vendor key, by time."""

    routing_key: str
    key: str
    probe: str
    triggers: list[float] = field(default_factory=list)
    resolves: list[float] = field(default_factory=list)


@dataclass
class Debt:
    """One alert of the sender: when it was accepted, whom it pages, when its end was first sent."""

    probe: str
    pages: tuple[str, ...]
    first_try: float
    taken: float | None = None
    ending: float | None = None
    ended: float | None = None


@dataclass
class Verdict:
    """Every violation of the guarantees, as text."""

    lost: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    slowest: float = 0.0
    """Seconds of the slowest page, excluding the time in which no replica could send it."""
    pages: int = 0
    repeated: int = 0
    """Number of pages that were sent again."""

    @property
    def owing(self) -> list[str]:
        """Missing events that may still arrive."""
        return self.lost + self.unresolved

    @property
    def breaches(self) -> list[str]:
        """Every violation."""
        return self.lost + self.extra + self.late + self.wrong + self.unresolved


def judge(sent: Iterable[Entry], took: Iterable[Entry], downs: Sequence[Span] = (), *, more: int = 1) -> Verdict:
    """Return the violations.

    `sent` has an entry for each attempt: probe, firing, pages (routing keys), at, answered, status (None: no answer).
    `took`: the vendors' ledger. `downs`: the times in which the store, or every replica, was down. `more`: how many
    triggers a key may get beyond the first.
    """
    verdict = Verdict()
    debts = _debts(sent)
    rings = _rings(took, verdict)
    for ring in rings.values():
        debt = debts.get(ring.probe)
        if debt is None or ring.routing_key not in debt.pages:
            verdict.extra.append(f"{ring.probe}: a person was paged for whom nothing was sent")
            continue
        _ring(ring, debt, verdict, more)
    for debt in debts.values():
        if debt.taken is not None:
            _paid(debt, [ring for ring in rings.values() if ring.probe == debt.probe], verdict, downs)
    return verdict


def _debts(sent: Iterable[Entry]) -> dict[str, Debt]:
    debts: dict[str, Debt] = {}
    for entry in sent:
        good = entry["status"] is not None and 200 <= entry["status"] < 300
        debt = debts.setdefault(entry["probe"], Debt(entry["probe"], tuple(entry["pages"]), entry["at"]))
        if entry["firing"]:
            if good and (debt.taken is None or entry["answered"] < debt.taken):
                debt.taken = entry["answered"]
        else:
            debt.ending = min(entry["at"], debt.ending or entry["at"])
            if good:
                debt.ended = min(entry["answered"], debt.ended or entry["answered"])
    return debts


def _rings(took: Iterable[Entry], verdict: Verdict) -> dict[tuple[str, str], Ring]:
    rings: dict[tuple[str, str], Ring] = {}
    for entry in took:
        if entry["vendor"] == "nobody" or entry.get("errors"):
            verdict.wrong.append(f"a request that no vendor accepts: {entry['method']} {entry['path']}")
        if entry["vendor"] != "pagerduty" or not entry["taken"]:
            continue
        body = entry["body"]
        name = (body["routing_key"], body["dedup_key"])
        if body["event_action"] == "trigger":
            found = PROBE.search(body["payload"]["summary"])
            ring = rings.setdefault(name, Ring(*name, found.group() if found else "?"))
            ring.triggers.append(entry["at"])
        elif body["event_action"] == "resolve" and name in rings:
            rings[name].resolves.append(entry["at"])
    return rings


def _ring(ring: Ring, debt: Debt, verdict: Verdict, more: int) -> None:
    verdict.pages += 1
    verdict.repeated += len(ring.triggers) > 1
    if len(ring.triggers) > 1 + more:
        verdict.extra.append(f"{ring.probe}: {len(ring.triggers)} triggers under one key")
    if min(ring.triggers) < debt.first_try - SLACK:
        verdict.wrong.append(f"{ring.probe}: paged before it was sent")
    for at in ring.resolves:
        if debt.ending is None or at < debt.ending - SLACK:
            verdict.wrong.append(f"{ring.probe}: resolved before its alert had ended")
    if ring.resolves and max(ring.triggers) > min(ring.resolves):
        verdict.wrong.append(f"{ring.probe}: triggered again after its resolve")
    if debt.ended is not None and (not ring.resolves or max(ring.resolves) < max(ring.triggers)):
        verdict.unresolved.append(f"{ring.probe}: ended, and its page is still open")


def _paid(debt: Debt, rings: Sequence[Ring], verdict: Verdict, downs: Sequence[Span]) -> None:
    assert debt.taken is not None
    for routing_key in debt.pages:
        mine = [ring for ring in rings if ring.routing_key == routing_key]
        if len(mine) > 1:
            verdict.extra.append(f"{debt.probe}: {len(mine)} keys for one person")
        if not mine:
            # An alert that ended this soon need not page anymore.
            if debt.ending is None or debt.ending - debt.taken > LATE + overlap(debt.taken, debt.ending, downs):
                verdict.lost.append(f"{debt.probe}: accepted, and {routing_key[:2]}.. was never paged")
            continue
        first = min(min(ring.triggers) for ring in mine)
        took = first - debt.taken - overlap(debt.taken, first, downs)
        verdict.slowest = max(verdict.slowest, took)
        if took > LATE:
            verdict.late.append(f"{debt.probe}: paged {took:.1f} s after it was accepted")


def overlap(start: float, end: float, downs: Sequence[Span]) -> float:
    """Return the seconds between `start` and `end` that are in any of `downs`, which may overlap."""
    total, reached = 0.0, start
    for since, till in sorted(downs):
        span = min(till, end) - max(since, reached)
        if span > 0:
            total += span
            reached = min(till, end)
    return total
