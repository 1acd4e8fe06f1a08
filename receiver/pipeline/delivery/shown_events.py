"""The events of a log that channels may show now: a person may have hidden some since the row was written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from receiver.incident.followup.hidden_entries import HIDDEN
from receiver.model.incident.event import Event, Kind
from receiver.review.similar_incidents_text import similar_ids, without_similar
from receiver.review.timeline import corrections
from receiver.store.incidents.incident_store import IncidentStore

_KEPT = ("people", "person", "changed")
_KEPT_INSIDE = {"page": ("person",), "action": ("n", "owner", "status")}
"""Data for mentions and tickets; all other data of a hidden entry repeats its text."""


async def shown_events(incidents: IncidentStore, events: Sequence[Event]) -> list[Event]:
    """Return `events`, the end of a log, without data that is now hidden or private. Raises StoreAway."""
    named = {id_ for event in events for id_ in similar_ids(event)}
    private: set[str] = set()
    if named:
        uids = [uid for id_ in sorted(named) if (uid := await incidents.uid_of(id_))]
        # An incident that is gone or unreadable is not named, because it may have become private before.
        private = named - {one.id for one in await incidents.many(uids) if not one.private}
    return without_hidden(events, private)


def without_hidden(events: Sequence[Event], private: Collection[str]) -> list[Event]:
    """Return `events` without the text of hidden ones, and without the ids of `private` incidents.

    A hidden entry stays, because people are mentioned in it; an entry about similar incidents is dropped if none is
    left.
    """
    said = corrections(events)
    shown: list[Event] = []
    for event in events:
        hidden = bool(said.get(event.seq, {}).get("hidden"))
        left = without_similar(event, similar_ids(event) if hidden else private)
        if event.kind is not Kind.SEEN_BEFORE or similar_ids(left):
            shown.append(_blank(left) if hidden else left)
    return shown


def _blank(event: Event) -> Event:
    data: dict[str, Any] = {name: event.data[name] for name in _KEPT if name in event.data}
    for name, inner in _KEPT_INSIDE.items():
        if isinstance(given := event.data.get(name), dict):
            data[name] = {key: given[key] for key in inner if key in given}
    return event.model_copy(update={"text": HIDDEN, "data": data})
