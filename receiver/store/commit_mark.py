"""Which commit has which number: after a loss of data another commit may get the number of a lost one."""

from __future__ import annotations

from typing import NamedTuple

MARKS = 512
"""Newest commits whose marks the store keeps (commit.lua)."""
LONGEST = 15
"""Digits of a number that is believed: a script of the store counts in doubles, exact up to 2^53."""


class CommitMark(NamedTuple):
    """The number of a commit and the token that names it."""

    number: int
    token: str


def mark_of(text: str | None) -> CommitMark | None:
    """Return the mark that `commit.lua` has written as `text`; None where there is none."""
    number, _, token = (text or "").partition(" ")
    counts = number.isascii() and number.isdigit() and len(number) <= LONGEST
    return CommitMark(int(number), token) if token and counts else None


def newest_mark(text: str | None, commits: int) -> CommitMark | None:
    """Return the mark of the last commit, which the store has as `text`; None where there is none.

    `commits`: how many it counts. A mark ahead of them was written by somebody else, or since they were read: it would
    make every later commit of this replica look like one to a store that has lost data.
    """
    mark = mark_of(text)
    return mark if mark is not None and mark.number <= commits else None


def contradicts(known: CommitMark | None, found: CommitMark | None) -> bool:
    """Return whether `found`, what the store has under the number of `known`, is another commit.

    What an earlier release has committed has no mark, and an old mark is overwritten: neither says anything.
    """
    return known is not None and found is not None and found.number == known.number and found.token != known.token
