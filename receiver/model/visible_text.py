"""Whether a person sees anything of a text, and whether UTF-8 can carry it."""

from __future__ import annotations

import unicodedata

BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Characters that Unicode counts as letters or symbols and that are drawn as nothing."""


def visible(character: str) -> bool:
    """Return whether a character by itself is drawn: no space, control, direction mark, filler or combining mark."""
    if character in BLANK or character.isspace() or not character.isprintable():
        return False
    return not unicodedata.category(character).startswith("M")


def require_visible(text: str) -> str:
    """Return `text`. Raises ValueError where it is made of invisible characters alone."""
    if not any(map(visible, text)):
        raise ValueError("has no visible character")
    return text


def encodable(text: str) -> str:
    """Return `text` with a question mark in place of each character that UTF-8 cannot carry.

    Bytes of a header that are no UTF-8 arrive as such characters, and neither JSON nor the store takes them.
    """
    return text.encode("utf-8", "replace").decode()
