"""Numbers as they are stored, as far as this version can read what another has written."""

from __future__ import annotations


def stored_number(text: str | None, otherwise: int = 0) -> int:
    """Return the number that `text` is; `otherwise` where there is none, or one in a form of a later version."""
    try:
        return int(text) if text else otherwise
    except ValueError:
        return otherwise
