"""A picture that belongs to an incident, for channels that can show one."""

from __future__ import annotations

from typing import NamedTuple


class Picture(NamedTuple):
    """A picture in PNG."""

    png: bytes
    name: str
    """Of its file: letters, digits and dashes."""
    title: str
    text: str
    """What it shows, for those who cannot see it."""
