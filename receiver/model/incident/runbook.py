"""A runbook in a wiki."""

from __future__ import annotations

from receiver.model.base import Frozen


class Runbook(Frozen):
    """One runbook."""

    title: str
    href: str
    """Its address for people."""
    labels: tuple[str, ...]
    """Its labels in the wiki."""
