"""One read of the store's state: its time, the changes, and the due work."""

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
    """The result of one beat."""

    time_ms: int
    changed: tuple[tuple[str, int], ...]
    """(uid, number of the commit) of each change since the last beat."""
    due: dict[str, int]
    """Lanes with due rows, and how many are waiting in each."""
    depth: int
    """Number of delivery rows that are not completed."""
    oldest_ms: int | None
    """When the oldest of them is due."""
    overdue: int
    dead: int
    commits: int
    """The number of commits; if it is lower than before, the store has lost data."""
    documents_revision: int = 0
    """The revision of the shared documents."""
    clock: AgreedTime = field(default_factory=AgreedTime)
    """The time that the replicas have agreed on."""
    epoch: str = ""
    """Changes whenever the store has lost data."""
    until_ms: int = 0
    """Until when no replica claims due work, because lost data is being restored."""
    number: int = 0
    """The last number that this replica wrote, as stored."""
    same: CommitMark | None = None
    """The stored commit with the requested number; None if it has no mark."""
    newest: CommitMark | None = None
    """Its newest commit, unless an earlier release wrote it."""


def beat_of(lanes: Sequence[str], now_ms: int, replies: Sequence[Any]) -> StoreBeat:
    """Parse the replies to the commands of `DueSet.beat` about `lanes` at `now_ms`."""
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
