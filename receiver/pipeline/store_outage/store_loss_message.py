"""The message about data that the store has lost."""

from __future__ import annotations

from collections.abc import Sequence

NAMED = 20
"""Maximum number of incidents that the message names."""


def store_loss_message(back: Sequence[str], gone: Sequence[str], diverged: Sequence[str], *, documents: bool) -> str:
    """Return the text that names the incidents that were written back, are gone, or lack their last change.

    `documents`: whether overrides and maintenance windows were written back as well.
    """
    parts = ["The incident store has lost data: it was emptied, or restored from an older state."]
    if back:
        parts.append(f"{_counted(back)} written back: {_listed(back)}.")
    if documents:
        parts.append("Overrides and maintenance windows were written back.")
    if gone:
        parts.append(
            f"{_counted(gone)} lost: {_listed(gone)}. Alerts that are still firing are reported again by the next "
            "notification."
        )
    if diverged:
        lost = "1 incident" if len(diverged) == 1 else f"{len(diverged)} incidents"
        parts.append(f"{lost} lost the most recent change: {_listed(diverged)}. Check whether to repeat that change.")
    return " ".join(parts)


def _counted(labels: Sequence[str]) -> str:
    return "1 incident was" if len(labels) == 1 else f"{len(labels)} incidents were"


def _listed(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - NAMED} more" if len(labels) > NAMED else ""
    return ", ".join(labels[:NAMED]) + more
