"""The entry that names similar incidents: its text, and the entry for readers who may not see all of them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from receiver.model.incident.event import Event, Kind

LONGEST = 2000
"""Maximum length of its text."""


def seen_before_text(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of the entry; `lines`: `id` and `why` of each incident."""
    return ("seen before: " + "; ".join(f"{one.get('id')} ({one.get('why')})" for one in lines))[:LONGEST]


def similar_ids(event: Event) -> list[str]:
    """Return the ids of the incidents that an event names as similar."""
    return [str(one.get("id")) for one in _lines(event)]


def without_similar(event: Event, hidden: Collection[str]) -> Event:
    """Return the event without the incidents `hidden`, as if they had not been found."""
    lines = _lines(event)
    left = [one for one in lines if str(one.get("id")) not in hidden]
    if len(left) == len(lines):
        return event
    text = seen_before_text(left) if left else "seen before: incidents that you cannot see"
    return event.model_copy(update={"text": text, "data": {**event.data, "similar": left}})


def _lines(event: Event) -> list[Mapping[str, Any]]:
    given = event.data.get("similar") if event.kind is Kind.SEEN_BEFORE else None
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
