"""An image about an incident, for channels that can show images."""

from __future__ import annotations

from typing import NamedTuple


class Picture(NamedTuple):
    """A PNG image."""

    png: bytes
    name: str
    """The name of its file: letters, digits and dashes."""
    title: str
    text: str
    """A text alternative."""
