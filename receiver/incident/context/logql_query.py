"""Fills a LogQL query with labels, each escaped for its place in the query. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PLACE = re.compile(r"\{\{\s*((?!\d)[^\s{}()|'\"`\\,;=*+%<>!&^~$@#?]+)\s*\}\}")
_REGEX = re.compile(r"(?:=~|!~|\|~)\s*$")
"""Operators before a quoted regular expression."""
_PLAIN = re.compile(r"[A-Za-z0-9_]+")
"""A value that can stand unquoted as one word."""


def query_of(template: str, labels: Mapping[str, str]) -> str | None:
    """Return `template` with each `{{ name }}` replaced by that label.

    None if a label is missing, or cannot be inserted there as a plain value.
    """
    made: list[str] = []
    quote, regex, at = "", False, 0
    while at < len(template):
        place = _PLACE.match(template, at)
        if place is not None:
            value = _value(labels.get(place[1]) or "", quote, regex)
            if value is None:
                return None
            made.append(value)
            at = place.end()
            continue
        character = template[at]
        if quote and character == "\\" and quote == '"':
            made.append(template[at : at + 2])
            at += 2
            continue
        if character == quote:
            quote = ""
        elif not quote and character in '"`':
            quote, regex = character, _REGEX.search(template, 0, at) is not None
        made.append(character)
        at += 1
    return "".join(made)


def in_quotes(text: str) -> str:
    r"""Return `text` for use between double quotes in PromQL and LogQL: `\`, `"` and line breaks escaped."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")


def _value(text: str, quote: str, regex: bool) -> str | None:
    if not text or (not quote and not _PLAIN.fullmatch(text)):
        return None
    text = re.escape(text) if regex else text
    if quote == "`":
        return None if "`" in text else text  # nothing is escaped there
    return in_quotes(text) if quote else text
