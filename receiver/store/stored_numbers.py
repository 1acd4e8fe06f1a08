"""Parses stored numbers, which another version may have written."""

from __future__ import annotations


def stored_number(text: str | None, otherwise: int = 0) -> int:
    """Return the number in `text`; `otherwise` if there is none, or it has the format of a later version."""
    try:
        return int(text) if text else otherwise
    except ValueError:
        return otherwise
