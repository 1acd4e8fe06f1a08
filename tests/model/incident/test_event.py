"""The prefix of an event's text: each fact appears once."""

from __future__ import annotations

import pytest

from receiver.model.incident.event import heading


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("opened", "SEV-2 by slow: latency 4 s > 2 s", "opened"),
        ("all_hands", "all hands: ann, bob", ""),
        ("notify", "informed: ann", ""),
        ("page", "ann is paged for primary-oncall", ""),
        ("page_failed", "nobody answers", "page failed"),
        ("acknowledged", "Acknowledged by ann", ""),
        ("note", "note to self", "note"),
        ("severity_raised", "SEV-3 -> SEV-1", "severity raised"),
        ("of_a_later_release", "something", "of a later release"),
    ],
)
def test_the_words_stand_there_unless_the_text_says_them(kind: str, text: str, words: str) -> None:
    assert heading(kind, text) == words
