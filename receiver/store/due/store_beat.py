"""One look at the store: its time, what changed, and what is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from receiver.model.agreed_time import AgreedTime
from receiver.store.commit_mark import CommitMark, mark_of, newest_mark
from receiver.store.due.agreed_time import agreed_of
from receiver.store.keys import TIMERS
from receiver.store.stored_numbers import stored_number


@dataclass(frozen=True)
class StoreBeat:
    """What one look at the store shows."""

    time_ms: int
    changed: tuple[tuple[str, int], ...]
    """(uid, number of the commit) for what changed since the last look."""
    due: dict[str, int]
    """Lanes with due rows, and how many are waiting in each."""
    depth: int
    """Delivery rows that are not done."""
    oldest_ms: int | None
    """When the oldest of them is due."""
    overdue: int
    dead: int
    commits: int
    """How many commits there were; fewer than before: the store has lost its memory."""
    documents_revision: int = 0
    """The revision of the shared documents."""
    clock: AgreedTime = field(default_factory=AgreedTime)
    """What replicas have agreed about time."""
    epoch: str = ""
    """Changes whenever the store has lost its memory."""
    until_ms: int = 0
    """Until when nobody claims what is due: what was forgotten is being made good."""
    number: int = 0
    """The number that this replica has written last, as the store knows it."""
    same: CommitMark | None = None
    """The commit that the store has under the number asked about; None where it does not say."""
    newest: CommitMark | None = None
    """Its newest commit, unless an earlier release wrote it."""


def beat_of(lanes: Sequence[str], now_ms: int, replies: Sequence[Any]) -> StoreBeat:
    """Return what the replies to the commands of `DueSet.beat` about `lanes` say at `now_ms`."""
    (seconds, micro), changed, dead, commits, documents_revision, clock, memory, number, marks, *rest = replies
    due: dict[str, int] = {}
    depth, oldest, overdue = 0, None, 0
    for lane, count, first, late in zip(lanes, rest[::3], rest[1::3], rest[2::3], strict=True):
        if first and first[0][1] <= now_ms:
            due[lane] = count
        overdue += late
        if lane != TIMERS:
            depth += count
            if first:
                oldest = int(first[0][1]) if oldest is None else min(oldest, int(first[0][1]))
    return StoreBeat(
        time_ms=seconds * 1000 + micro // 1000,
        changed=tuple((uid, int(score)) for uid, score in changed),
        due=due,
        depth=depth,
        oldest_ms=oldest,
        overdue=overdue,
        dead=dead,
        commits=int(commits or 0),
        documents_revision=int(documents_revision or 0),
        clock=agreed_of(clock),
        epoch=memory[0] or "",
        until_ms=stored_number(memory[1]),
        number=int(number or 0),
        same=mark_of(marks[0]),
        newest=newest_mark(marks[1], int(commits or 0)),
    )
