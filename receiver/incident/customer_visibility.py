"""Whether customers see an incident: a label decides, else its scope (`incidents.customer_visible`). Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

YES = ("true", "yes", "1", "on")
NO = ("false", "no", "0", "off")


def visible(labels: Mapping[str, str], scope: str | None, label: str, scopes: Collection[str]) -> bool | None:
    """Return whether customers see it; None if unknown."""
    said = labels.get(label, "").strip().lower()
    if said in YES or said in NO:
        return said in YES
    return True if scope in scopes else None
