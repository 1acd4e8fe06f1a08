"""Identifies commits: after a loss of data, another commit may get the number of a lost one."""

from __future__ import annotations

from typing import NamedTuple

MARKS = 512
"""Number of newest commits whose marks the store keeps (commit.lua)."""
LONGEST = 15
"""Maximum digits of a valid number: scripts count in doubles, which are exact up to 2^53."""


class CommitMark(NamedTuple):
    """The number of a commit and its token."""

    number: int
    token: str


def mark_of(text: str | None) -> CommitMark | None:
    """Return the mark that `commit.lua` wrote as `text`; None if there is none."""
    number, _, token = (text or "").partition(" ")
    counts = number.isascii() and number.isdigit() and len(number) <= LONGEST
    return CommitMark(int(number), token) if token and counts else None


def newest_mark(text: str | None, commits: int) -> CommitMark | None:
    """Return the mark of the last commit, stored as `text`; None if there is none.

    `commits`: the store's count. A mark ahead of it was written by another program, or after the count was read: with
    it, every later commit of this replica would look like one to a store that has lost data.
    """
    mark = mark_of(text)
    return mark if mark is not None and mark.number <= commits else None


def contradicts(known: CommitMark | None, found: CommitMark | None) -> bool:
    """Return whether `found`, the store's commit with the number of `known`, is a different commit.

    Commits of earlier releases have no mark, and old marks are overwritten: neither proves anything.
    """
    return known is not None and found is not None and found.number == known.number and found.token != known.token
