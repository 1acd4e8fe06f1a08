"""Regular expressions of rules: recognizes plain words, and matches many patterns at once."""

from __future__ import annotations

import re
from collections.abc import Sequence

import re2

from receiver.triage.matchers import Matcher, Operator

SET_MEMORY = 16 << 20
"""Memory limit in bytes of RE2 for one label's set: 500 patterns such as `.*Word.*` need a third of it."""
REMEMBERED = 1024
"""Maximum number of cached values of a label: a storm's ten thousand alerts share a handful of names."""
REMEMBERED_LENGTH = 128

# A word without special characters, except escaped ones. "?" is excluded, because RE2 gets it in place of text that
# UTF-8 cannot encode.
_WORD = r"\^?((?:[^\\.+*?()|\[\]{}^$\x00-\x1f\ud800-\udfff]|\\[.+*()|\[\]{}^$\\])+)\$?"
_WORDS = re.compile(rf"{_WORD}(?:\|{_WORD})*")
_GROUP = re.compile(r"\^?\((?:\?:)?([^()]*)\)\$?")
_ANYTHING = b"(?s:.*)"
# Values that no one uses: a pattern that matches one of them excludes nearly nothing, so it is useless for the index.
_NOBODY = ("", "\u2603 nobody is called this \u2603")


def plain_words(pattern: str) -> tuple[str, ...] | None:
    """Return the words of a pattern of the form `A|B|C`, possibly grouped or anchored; None for any other.

    Such a pattern matches exactly if the text equals one of its words.
    """
    group = _GROUP.fullmatch(pattern)
    body = group[1] if group else pattern
    if not _WORDS.fullmatch(body):
        return None
    return tuple(dict.fromkeys(re.sub(r"\\(.)", r"\1", word) for word in re.findall(_WORD, body)))


def selective(matcher: Matcher) -> bool:
    """Return whether a positive regular expression distinguishes values, rather than matching nearly all."""
    return matcher.operator is Operator.REGEX and not any(matcher.matches({matcher.name: text}) for text in _NOBODY)


class Patterns:
    """The positive regular expressions on one label, in one RE2 set."""

    def __init__(self, matchers: Sequence[Matcher], memory: int = SET_MEMORY) -> None:
        """`matchers` are on one label, with `=~`; `memory` in bytes bounds the set."""
        self._matchers = tuple(matchers)
        self._known: dict[str, tuple[int, ...]] = {}
        options = re2.Options()
        options.log_errors = False
        options.max_mem = memory
        self._set: re2.Set | None = re2.Set.FullMatchSet(options)
        try:
            for matcher in matchers:
                self._set.Add(matcher.value.encode("utf-8", "replace"))
            # RE2 without memory returns no match at all: then this one is missing as well.
            self._last = self._set.Add(_ANYTHING)
            self._set.Compile()
        except re2.error:
            self._set = None

    def matching(self, text: str) -> tuple[int, ...]:
        """Return the places of the matchers that match `text`, in order."""
        known = self._known.get(text)
        if known is None:
            known = self._asked(text)
            if len(text) <= REMEMBERED_LENGTH:
                if len(self._known) >= REMEMBERED:
                    self._known.clear()
                self._known[text] = known
        return known

    def _asked(self, text: str) -> tuple[int, ...]:
        found = self._set.Match(text.encode("utf-8", "replace")) if self._set is not None else None
        if not found or self._last not in found:
            labels = {matcher.name: text for matcher in self._matchers[:1]}
            return tuple([place for place, matcher in enumerate(self._matchers) if matcher.matches(labels)])
        return tuple(sorted(place for place in found if place != self._last))
