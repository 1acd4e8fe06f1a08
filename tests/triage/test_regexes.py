"""Regular expressions: plain words are recognized, and a set of patterns matches like each pattern alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.triage.matchers import Matcher, Operator
from receiver.triage.regexes import REMEMBERED, Patterns, plain_words, selective


def pattern(value: str) -> Matcher:
    return Matcher("name", Operator.REGEX, value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ApiDown", ("ApiDown",)),
        ("ApiDown|Other Thing|Ü", ("ApiDown", "Other Thing", "Ü")),
        ("(A|B)", ("A", "B")),
        ("^(?:A|B)$", ("A", "B")),
        ("^A|B$", ("A", "B")),
        ("A|A", ("A",)),
        (r"a\.b|a\|b|a\\", ("a.b", "a|b", "a\\")),
        ("a-b/c:d,e", ("a-b/c:d,e",)),
        *[(text, None) for text in ("", "A|", "|A", "a.b", "a+", "(?i:A|B)", "(?i)A", r"\d", r"\Qa\E", r"a\n", "()",
          "A$B", "a^", "(A|B)C", "(A|B)|C", "(A)|(B)", "[ab]", "a{2}", r"a\?", "a\nb", r"(?P<n>a)")],
    ],
)  # fmt: skip
def test_words_that_a_pattern_is_made_of(text: str, words: tuple[str, ...] | None) -> None:
    assert plain_words(text) == words


@given(st.text("AB|^$().\\?*+[]x \n\ud800", max_size=8), st.text("ABx.|?\\ \n\ud800", max_size=6))
def test_plain_words_are_all_that_the_pattern_takes(text: str, value: str) -> None:
    words = plain_words(text)
    if words is not None:
        assert pattern(text).matches({"name": value}) is (value in words)
        assert all(pattern(text).matches({"name": word}) for word in words)


@pytest.mark.parametrize(
    ("text", "tells"), [("A.*", True), (".*Down", True), (".*", False), (".+", False), ("x*", False), ("[^x]*", False)]
)
def test_a_pattern_that_takes_nearly_everything_finds_nothing(text: str, tells: bool) -> None:
    assert selective(pattern(text)) is tells


MANY = ["A.*", ".*Down", "(?i)api.*", "a.b", r"a\.b", "^A|B$", "A$|^$", "x*", "[^x]+", r"\w+", "(A|B)+", "Ü.*", "a|b|"]
VALUES = st.one_of(st.text("ABxabdDownÜ.\n", max_size=8), st.sampled_from(["ApiDown", "APIDOWN", "a.b", "a\ud800b"]))


@given(st.lists(st.sampled_from(MANY), min_size=1, max_size=8), st.lists(VALUES, min_size=1, max_size=4))
def test_the_set_says_what_each_alone_says(texts: list[str], values: list[str]) -> None:
    matchers = [pattern(text) for text in texts]
    patterns = Patterns(matchers)
    for value in [*values, *values]:
        alone = tuple(place for place, one in enumerate(matchers) if one.matches({"name": value}))
        assert patterns.matching(value) == alone


def test_a_set_without_memory_asks_each_alone() -> None:
    matchers = [pattern(f".*Broker{number}.*") for number in range(200)]
    assert Patterns(matchers, memory=4096).matching("KafkaBroker17") == (1, 17)


def test_a_set_that_runs_out_of_memory_while_matching_is_noticed() -> None:
    class Exhausted:
        def Match(self, text: bytes) -> None:
            """Respond like RE2 when it is out of memory: no match."""

    patterns = Patterns([pattern("A.*"), pattern("B.*")])
    patterns._set = Exhausted()
    assert patterns.matching("Bad") == (1,)


def test_many_values_do_not_pile_up_and_stay_right() -> None:
    patterns = Patterns([pattern(".*[02468]"), pattern("v.*")])
    for number in range(3 * REMEMBERED):
        assert patterns.matching(f"v{number}") == ((0, 1) if number % 2 == 0 else (1,))
    assert len(patterns._known) <= REMEMBERED
    assert patterns.matching("v" * 4096) == (1,)
    assert "v" * 4096 not in patterns._known
