"""The matchers of one entry of Alertmanager's `matchers:`: perhaps several, perhaps in braces."""

from __future__ import annotations

import re2

from receiver.triage.matcher_grammar import GrammarError, Written, classic_matchers, utf8_matchers
from receiver.triage.matchers import Matcher, MatcherError, Operator, parse_matcher, split_matchers
from receiver.triage.safe_text import quoted

READINGS = (classic_matchers, utf8_matchers)
"""In the order in which they count (Alertmanager's fallback mode, its default)."""


def upstream_matchers(text: str) -> tuple[list[Matcher], list[str], list[str]]:
    """Return the matchers in `text` as Alertmanager reads it, what is wrong with it, and what is odd about it."""
    refusals: list[str] = []
    for reading in READINGS:
        try:
            written = reading(text)
        except GrammarError:
            continue
        found, wrong, odd = _compiled(written)
        if not wrong:
            return found, [], odd + _surprises(written)
        refusals = refusals or wrong
    return [], refusals or _what_is_wrong(text), []


def _compiled(written: list[Written]) -> tuple[list[Matcher], list[str], list[str]]:
    found: list[Matcher] = []
    wrong: list[str] = []
    odd: list[str] = []
    for one in written:
        try:
            found.append(Matcher(one.name, Operator(one.operator), one.value))
        except MatcherError as error:
            (wrong if refuses(error, one.value) else odd).append(explained(error, one.value))
    return found, wrong, odd


def _surprises(written: list[Written]) -> list[str]:
    said = []
    for name, operator, value in written:
        shown = quoted(f"{name}{operator}{value}", 80)
        if not name:
            said.append(f"{shown} has an empty label name: no alert has such a label")
        elif operator == "=" and value.startswith("="):
            said.append(f"{shown} matches a value that begins with =; equality is written with one =")
        elif value.count("{") > value.count("}") and operator in ("=~", "!~") and _is_cut(value):
            hint = "write the value in double quotes"
            said.append(f"{shown} lacks its last brace, which Alertmanager treats as one around the matchers; {hint}")
    return said


def _is_cut(pattern: str) -> bool:
    """Return whether `pattern` ends within a count of repetitions, as `[0-9]{2` does."""
    return pattern.rpartition("{")[2].replace(",", "").isdigit()


def _what_is_wrong(text: str) -> list[str]:
    said = []
    for part in split_matchers(text):
        try:
            parse_matcher(part)
        except MatcherError as error:
            said.append(str(error))
    return said or [f'{quoted(text, 80)} is not a list of matchers; write name="value", with commas in between']


def refuses(error: MatcherError, pattern: str) -> bool:
    """Return whether Alertmanager refuses `pattern`, for which `error` was raised here.

    It puts `^(?:` and `)$` around a pattern before it reads it, so that `a)|(b` is one.
    """
    if not error.refused:
        return False
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(f"^(?:{pattern})$".encode("utf-8", "replace"), options)
    except re2.error as failure:
        # Alertmanager compiles larger patterns than fit into the memory that one may have here.
        return b"pattern too large" not in bytes(str(failure), "utf-8", "replace")
    return False


def explained(error: MatcherError, pattern: str) -> str:
    """Return the message for `error`. A pattern that Alertmanager accepts is not an error; it is only unknown here."""
    if refuses(error, pattern):
        return str(error)
    return f"{error} here; Alertmanager accepts it, so what this route matches is unknown"
