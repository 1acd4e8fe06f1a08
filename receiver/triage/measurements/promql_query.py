"""A measurement from Prometheus: a PromQL query with placeholders for labels of the alert.

A label's text is untrusted: it may be used only inside a quoted string of the query, where it is escaped; if the string
is a regular expression, it is escaped for that as well. Therefore no label can change the query.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

LONGEST = 10_000
"""Maximum length of a query; a query that labels make longer is not sent."""
_PLACE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")


class _Piece(NamedTuple):
    text: str
    label: str
    regex: bool
    quote: str


class BadQuestion(ValueError):
    """The query is invalid; the text has a correction."""


class Question:
    """A parsed query with placeholders."""

    def __init__(self, promql: str) -> None:
        """Raises BadQuestion for a placeholder outside a quoted string, or one that is not a label."""
        if not promql.strip():
            raise BadQuestion("an empty query (write PromQL, such as sum(rate(errors_total[5m])))")
        self.promql = promql
        self._pieces = tuple(_pieces(promql))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that it needs, each once."""
        return tuple(dict.fromkeys(piece.label for piece in self._pieces if piece.label))

    def ask(self, labels: Mapping[str, str]) -> str | None:
        """Return the query for an alert with these labels; None if a needed label is missing."""
        parts = []
        for piece in self._pieces:
            parts.append(piece.text)
            if piece.label:
                value = labels.get(piece.label, "")
                if not value:
                    return None
                parts.append(_escaped(_SPECIAL.sub(r"\\\1", value) if piece.regex else value, piece.quote))
        query = "".join(parts)
        return query if len(query) <= LONGEST else None


def _pieces(promql: str) -> list[_Piece]:
    quotes = _strings(promql)
    pieces: list[_Piece] = []
    position = 0
    for match in _PLACE.finditer(promql):
        inside = next((one for one in quotes if one[0] < match.start() and match.end() <= one[1]), None)
        if inside is None:
            raise BadQuestion(f'{match[0]} is outside quotes (write it as in service="{{{{ {match[1]} }}}}")')
        if promql[inside[0]] == "`":
            raise BadQuestion(f"{match[0]} is in backquotes, where values cannot be escaped (use double quotes)")
        regex = promql[: inside[0]].rstrip().endswith(("=~", "!~"))
        pieces.append(_Piece(promql[position : match.start()], match[1], regex, promql[inside[0]]))
        position = match.end()
    rest = promql[position:]
    left = _PLACE.sub("", promql)
    if "{{" in left or "}}" in left:
        raise BadQuestion("{{ }} does not hold a label (write only a label name, such as {{ service }})")
    return [*pieces, _Piece(rest, "", False, "")]


def _strings(promql: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    start, position = -1, 0
    while position < len(promql):
        letter = promql[position]
        if start < 0:
            if letter in "\"'`":
                start = position
            elif letter == "#":
                end = promql.find("\n", position)
                position = len(promql) if end < 0 else end
        elif letter == "\\" and promql[start] != "`":
            position += 1
        elif letter == promql[start]:
            found.append((start, position))
            start = -1
        position += 1
    if start >= 0:
        raise BadQuestion("a quote is not closed")
    return found


def _escaped(value: str, quote: str) -> str:
    # Prometheus parses strings like Go: only the enclosing quote may be escaped.
    escaped = value.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    return "".join(letter if letter.isprintable() else _coded(ord(letter)) for letter in escaped)


def _coded(point: int) -> str:
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"
