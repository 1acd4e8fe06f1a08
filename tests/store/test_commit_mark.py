"""When a mark shows that the store has lost a commit, and when it does not."""

from __future__ import annotations

import pytest

from receiver.store.commit_mark import CommitMark, contradicts, mark_of, newest_mark

KNOWN = CommitMark(7, "a1")


@pytest.mark.parametrize(
    "text", [None, "", "7", "7 ", "x a1", " a1", "٣ a1", "1000000000000000 a1", f"{'9' * 5000} a1"]
)
def test_what_is_no_mark_says_nothing(text: str | None) -> None:
    assert mark_of(text) is None
    assert not contradicts(KNOWN, mark_of(text))


def test_another_commit_under_the_same_number_is_a_loss() -> None:
    assert contradicts(KNOWN, mark_of("7 b2"))


@pytest.mark.parametrize("found", ["7 a1", "519 b2"])
def test_the_same_commit_and_one_that_has_taken_its_place_in_the_ring_are_no_loss(found: str) -> None:
    assert not contradicts(KNOWN, mark_of(found))


def test_nothing_known_is_never_contradicted() -> None:
    assert not contradicts(None, mark_of("7 b2"))


def test_a_mark_ahead_of_the_commits_that_are_counted_is_not_believed() -> None:
    assert newest_mark("7 a1", 7) == KNOWN
    assert newest_mark("7 a1", 6) is None
    assert newest_mark("7", 7) is None
