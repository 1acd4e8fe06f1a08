"""Checks whether a text is visible to people, and whether UTF-8 can encode it."""

from __future__ import annotations

import unicodedata

BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Invisible characters that Unicode classifies as letters or symbols."""


def visible(character: str) -> bool:
    """Return whether a single character is visible: not a space, control, direction mark, filler or combining mark."""
    if character in BLANK or character.isspace() or not character.isprintable():
        return False
    return not unicodedata.category(character).startswith("M")


def require_visible(text: str) -> str:
    """Return `text`. Raises ValueError if it consists only of invisible characters."""
    if not any(map(visible, text)):
        raise ValueError("has no visible character")
    return text


def encodable(text: str) -> str:
    """Return `text` with a question mark in place of each character that UTF-8 cannot encode.

    Bytes of a header that are not UTF-8 arrive as such characters, and neither JSON nor the store accepts them.
    """
    return text.encode("utf-8", "replace").decode()
