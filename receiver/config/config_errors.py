"""Problems in a file: what is wrong, the place, and a correction."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

LONGEST_WORD = 80
"""Maximum length of a word that is compared with others: a longer word is not a typo."""
MOST = 500
"""Maximum number of errors of one kind that are listed; the others are counted."""

Path = tuple[str | int, ...]
"""Keys and indexes from the top of a document: `("auth", "tokens", 0, "name")`."""


@dataclass(frozen=True, order=True)
class Problem:
    """One error or warning. It never contains a secret."""

    file: str
    line: int
    """From 1."""
    column: int
    """In characters, from 1."""
    path: str
    """As `auth.tokens[0].name`; empty for the document itself."""
    message: str
    """What is wrong."""
    hint: str = ""
    """How to correct it."""

    def __str__(self) -> str:
        """Return `file:line:column: path: message (hint)`."""
        where = f"{self.path}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {where}{self.message}{hint}"


class ConfigError(Exception):
    """A configuration that cannot be used; `problems` has every error, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Store each problem once."""
        self.problems: list[Problem] = sorted(set(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def dotted(path: Path) -> str:
    """Return `path` as text: `auth.tokens[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Return the one of `words` most similar to `word`; None if none is similar."""
    if len(word) > LONGEST_WORD:
        return None
    near = [known for known in words if abs(len(known) - len(word)) <= len(word)]
    found = difflib.get_close_matches(word, sorted(near), 1, 0.6)
    return found[0] if found else None


def one_of(word: str, words: Iterable[str]) -> str:
    """Return a hint for the unknown `word`: the most similar of `words`, or else the first ten of them."""
    known = sorted(words)
    near = nearest(word, known)
    if near:
        return f"did you mean {near}?"
    if not known:
        return "none is defined"
    return "one of " + ", ".join(known[:10]) + (" ..." if len(known) > 10 else "")
