"""The events of a log as channels may have them now: since they were owed, a person may have hidden one of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from receiver.incident.followup.hidden_entries import HIDDEN
from receiver.model.incident.event import Event, Kind
from receiver.review.seen_before import similar_ids, without_similar
from receiver.review.timeline import corrections
from receiver.store.incidents.incident_store import IncidentStore

_KEPT = ("people", "person", "changed")
_KEPT_INSIDE = {"page": ("person",), "action": ("n", "owner", "status")}
"""What mentions and tickets are made of; all other data of a hidden entry repeats what it says."""


async def shown_events(incidents: IncidentStore, events: Sequence[Event]) -> list[Event]:
    """Return `events`, a log from some entry to its end, without what is hidden or private by now. Raises StoreAway."""
    named = {id_ for event in events for id_ in similar_ids(event)}
    private: set[str] = set()
    if named:
        uids = [uid for id_ in sorted(named) if (uid := await incidents.uid_of(id_))]
        # One that is gone or cannot be read is named to nobody: it may have become private before.
        private = named - {one.id for one in await incidents.many(uids) if not one.private}
    return without_hidden(events, private)


def without_hidden(events: Sequence[Event], private: Collection[str]) -> list[Event]:
    """Return `events` without the words of those that are hidden, and without the ids of `private` incidents.

    A hidden entry stays, since people are mentioned for it; one that names similar incidents and has none left does
    not.
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
