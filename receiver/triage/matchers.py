"""Alertmanager's matchers: `name="value"`, `!=`, `=~`, `!~`, over the labels of an alert.

The syntax is that of Alertmanager's fallback mode (its default): the classic parser's result counts if that parser
accepts the text, otherwise that of the UTF-8 parser, which also allows quoted names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

import re2
from pydantic import AfterValidator

from receiver.triage.matcher_grammar import GrammarError, UnknownEscape, Written, classic_matcher, utf8_matchers
from receiver.triage.safe_text import quoted

PATTERN_LIMIT = 1024
"""Maximum size of a regular expression in bytes."""
_REMEMBERED = 1024
_REMEMBERED_LENGTH = 128

_TOO_LARGE = "pattern too large"
"""Prefix of RE2's error for a pattern that needs more memory than allowed."""

_IN_QUOTES = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_RIGHT = 'a matcher is name="value", with one of = != =~ !~'


class MatcherError(ValueError):
    """A text that is not a matcher; the message has a correction."""

    refused = True
    """Whether Alertmanager also rejects it."""


class PatternTooLong(MatcherError):
    """A pattern that is longer than this service allows; Alertmanager has no such limit."""

    refused = False


@dataclass(frozen=True, slots=True)
class PatternCost:
    """The cost limits of a regular expression from a request rather than from the configuration."""

    memory: int
    """Bytes for RE2: its program and the states that it keeps while matching."""
    program: int
    """Instructions of the compiled program."""


class Operator(StrEnum):
    """The operator of a matcher."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label. A label that is absent counts as empty, as in Alertmanager.

    Raises MatcherError for a regular expression that RE2 does not accept.
    """

    name: str
    operator: Operator
    value: str
    cost: PatternCost | None = field(default=None, repr=False, compare=False)
    """The cost limit of its regular expression; None: RE2's own limit."""
    _test: Callable[[str], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_test", self._compiled())

    def _compiled(self) -> Callable[[str], bool]:
        value = self.value
        match self.operator:
            case Operator.EQUAL:
                return value.__eq__
            case Operator.NOT_EQUAL:
                return value.__ne__
            case Operator.REGEX:
                return _full_match(self)
            case Operator.NOT_REGEX:
                holds = _full_match(self)
                return lambda text: not holds(text)

    @property
    def positive(self) -> bool:
        """Whether it requires a value rather than excluding one."""
        return self.operator in (Operator.EQUAL, Operator.REGEX)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether it matches these labels."""
        return self._test(labels.get(self.name, ""))

    def __str__(self) -> str:
        name = self.name if re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", self.name) else quoted(self.name, 200)
        return f"{name}{self.operator.value}{quoted(self.value, 200)}"


def _full_match(matcher: Matcher) -> Callable[[str], bool]:
    pattern = matcher.value.encode("utf-8", "replace")
    if len(pattern) > PATTERN_LIMIT:
        raise PatternTooLong(
            f"the pattern for {quoted(matcher.name)} has {len(pattern)} bytes; at most {PATTERN_LIMIT} are allowed"
        )
    options = re2.Options()
    options.log_errors = False
    if matcher.cost is not None:
        options.max_mem = matcher.cost.memory
    try:
        expression = re2.compile(pattern, options)
    except re2.error as error:
        detail = error.args[0] if error.args else ""
        said = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
        if matcher.cost is not None and said.startswith(_TOO_LARGE):
            raise _too_complex(matcher) from None
        raise MatcherError(
            f"{quoted(matcher.value, 80)} is not a valid RE2 regular expression: {said[:120]}"
            " (RE2 has no look-around or back-references; exclude with !~ or !=)"
        ) from None
    if matcher.cost is not None and expression.programsize > matcher.cost.program:
        raise _too_complex(matcher)
    return _remembering(expression)


def _too_complex(matcher: Matcher) -> PatternTooLong:
    return PatternTooLong(
        f"the pattern for {quoted(matcher.name)} is too complex: use fewer repetitions, smaller counts in braces or"
        " fewer character classes"
    )


def _remembering(expression: re2._Regexp[bytes]) -> Callable[[str], bool]:
    # The result is cached for each value: a storm's ten thousand alerts share a handful of names.
    known: dict[str, bool] = {}

    def holds(text: str) -> bool:
        answer = known.get(text)
        if answer is None:
            answer = expression.fullmatch(text.encode("utf-8", "replace")) is not None
            if len(text) <= _REMEMBERED_LENGTH:
                if len(known) >= _REMEMBERED:
                    known.clear()
                known[text] = answer
        return answer

    return holds


def parse_matcher(text: str, cost: PatternCost | None = None) -> Matcher:
    """Return the matcher in `text`; `cost`: the cost limit of its regular expression.

    Raises MatcherError with a correction for anything else: no operator, several matchers in one text, an unclosed
    quote, a pattern that is not valid RE2, is above 1 KiB, or exceeds `cost`.
    """
    shown = quoted(text, 80)
    if text.strip().startswith("{") or text.strip().endswith("}"):
        raise MatcherError(_why_braces(text, shown))
    # Alertmanager reads a==b as the value "=b", which is never intended.
    if re.match(r"\s*[a-zA-Z_:][a-zA-Z0-9_:]*\s*=\s*=", text):
        raise MatcherError(f"{shown} uses ==; equality is written with one =")
    try:
        written = classic_matcher(text)
    except GrammarError:
        written = _utf8_matcher(text, shown)
    return Matcher(written.name, Operator(written.operator), written.value, cost)


def _utf8_matcher(text: str, shown: str) -> Written:
    try:
        found = utf8_matchers(text)
    except UnknownEscape as error:
        said = f"{shown} has the escape \\{error.escape}, which does not exist; write \\\\ for \\"
        raise MatcherError(said) from None
    except GrammarError:
        found = []
    if len(found) != 1 or text.rstrip().endswith(","):
        raise MatcherError(_what_is_wrong(text, shown))
    if not found[0].name:
        raise MatcherError(f"{shown} has an empty label name; {_RIGHT}")
    return found[0]


def split_matchers(text: str) -> list[str]:
    """Return the texts of the matchers in `text`: one or several, separated by commas, optionally in braces."""
    body = text.strip()
    parts: list[str] = []
    begin, inside, escaped = 1 if body.startswith("{") else 0, False, False
    for index, character in enumerate(body):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            inside = not inside
        elif character == "," and not inside:
            parts.append(body[begin:index])
            begin = index + 1
    last = body[begin:]
    if last.endswith("}") and not _ends_in_brace(last):
        last = last[:-1]
    return [*parts, last] if last.strip() else parts


def equal_to(name: str, value: str) -> str:
    """Return a matcher for the label `name` with the value `value`, as text that `parse_matcher` can read."""

    def written(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

    plain = re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", name)
    return f"{name if plain else written(name)}={written(value)}"


def _ends_in_brace(text: str) -> bool:
    """Return whether the brace at the end of `text` belongs to a value without quotes, as in path=~/v[0-9]{2}."""
    bare = _IN_QUOTES.sub("", text)
    return bare.endswith("}") and bare.count("{") >= bare.count("}")


def _why_braces(text: str, shown: str) -> str:
    if not text.strip().startswith("{") and _ends_in_brace(text.strip()):
        return f"{shown} ends with a brace; write the value in double quotes"
    return f"{shown} has braces around it; write each matcher as a separate entry, without braces"


def _what_is_wrong(text: str, shown: str) -> str:
    if not text.strip():
        return f"an empty matcher; {_RIGHT}"
    named = re.match(r"\s*[a-zA-Z_:][a-zA-Z0-9_:]*\s*(=|!)", text)
    if named is None and re.search(r"[<>]", text) and "=~" not in text:
        return f"{shown} compares a quantity; that belongs in `when`, {_RIGHT}"
    if not re.search(r"=|!~", text):
        return f"{shown} has no operator; {_RIGHT}"
    if text.count('"') % 2:
        return f"{shown} has a quote that is not closed, or one inside the value without a \\ before it"
    if re.search(r'"\s*,', text):
        return f"{shown} has several matchers; write each as a separate entry"
    return f"{shown} is not a matcher; {_RIGHT}"


def _checked(text: str) -> str:
    parse_matcher(text)
    return text


MatcherText = Annotated[str, AfterValidator(_checked)]
"""A matcher in a settings model: stored as text, rejected with MatcherError's message."""
