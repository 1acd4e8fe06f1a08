"""Whether a person sees anything of a text."""

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
