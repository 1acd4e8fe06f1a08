"""Resolves that are ignored because their sender may not resolve alerts that another sender reported. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from receiver.incident.log.alert_membership import FOREIGN, ignored_ends
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import NotificationPart
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Destination, Kind

NAMES = 5
"""Maximum number of senders and of alerts that the text names."""


def report_ignored_ends(
    draft: Transition, part: NotificationPart, records: Mapping[str, AlertRecord], to: Iterable[Destination] = ()
) -> Sequence[str]:
    """Return the fingerprints whose resolve is ignored; the incident's log records this once per sender."""
    ignored = ignored_ends(part, records)
    if ignored and part.sender.name not in draft.incident.foreign:
        names = list(dict.fromkeys(records[name].name for name in ignored))
        began = sorted({records[name].sender for name in ignored})
        text = (
            f"resolve of {', '.join(names[:NAMES])} from {part.sender.name} ignored: it may not resolve alerts that "
            f"{', '.join(began[:NAMES])} reported"
        )
        draft.add(Kind.UPDATED, FOREIGN, text, {"foreign": part.sender.name}, to)
    return ignored
