"""A page that says what to do, as a wiki has it."""

from __future__ import annotations

from receiver.model.base import Frozen


class Runbook(Frozen):
    """One runbook."""

    title: str
    href: str
    """Where people read it."""
    labels: tuple[str, ...]
    """What it is labelled with there."""
