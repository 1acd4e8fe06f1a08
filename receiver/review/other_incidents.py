"""References of an incident and its log to other incidents, and their removal for readers without access. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident
from receiver.review.similar_incidents_text import similar_ids, without_similar

HIDDEN = "a private incident"
"""Replaces the id of an incident that the reader may not see, as in `merged into ...`."""
_RAISED = "as severe as "
"""Prefix of the reason for a severity that a merge raised (incident/response/merge.py)."""
_LINKS = (Kind.OPENED, Kind.RECURRED, Kind.MERGED, Kind.ABSORBED, Kind.SPLIT)
"""Entries whose data names another incident."""
_REASONS = ("merged", "split", "recurred")
"""Reasons of entries whose text may name another incident."""


def others_of(incident: Incident) -> set[str]:
    """Return the ids of other incidents that `incident` names."""
    reasons = incident.decision.reasons if incident.decision.rule == "merge" else ()
    raised = [one.removeprefix(_RAISED).partition(" by ")[0] for one in reasons if one.startswith(_RAISED)]
    return {id_ for id_ in (incident.previous, *map(_owner, incident.recurs), *raised) if id_}


def others_in(event: Event) -> set[str]:
    """Return the ids of other incidents that an event names."""
    if event.kind not in _LINKS:
        return set(similar_ids(event))
    data, opened = event.data, event.data.get("incident")
    opened = opened if isinstance(opened, Mapping) else {}
    items = [*_texts(data.get("actions")), *_texts(opened.get("recurs"))]
    found = (data.get("id"), data.get("from"), data.get("previous"), opened.get("previous"), *map(_owner, items))
    return {id_ for id_ in found if isinstance(id_, str) and id_}


def without_others(incident: Incident, hidden: Collection[str]) -> Incident:
    """Return `incident` without references to the incidents `hidden`."""
    if not others_of(incident).intersection(hidden):
        return incident
    reasons = tuple(_cleaned(one, hidden) for one in incident.decision.reasons)
    return incident.model_copy(
        update={
            "previous": None if incident.previous in hidden else incident.previous,
            "recurs": tuple(_kept(incident.recurs, hidden)),
            "decision": incident.decision.model_copy(update={"reasons": reasons}),
        }
    )


def event_without(event: Event, hidden: Collection[str]) -> Event:
    """Return `event` without references to the incidents `hidden`."""
    if not hidden:
        return event
    if event.kind is Kind.SEEN_BEFORE:
        return without_similar(event, hidden)
    if event.kind is Kind.RECURRED:
        return _recurred(event, hidden)
    if event.kind not in _LINKS and event.reason not in _REASONS:
        return event
    data = {name: _data(name, value, hidden) for name, value in event.data.items()}
    return event.model_copy(update={"text": _cleaned(event.text, hidden), "data": data})


def _recurred(event: Event, hidden: Collection[str]) -> Event:
    actions = _kept(_texts(event.data.get("actions")), hidden)
    previous = event.data.get("previous")
    if previous not in hidden and len(actions) == len(_texts(event.data.get("actions"))):
        return event
    shown = HIDDEN if previous in hidden else previous
    text = f"it has happened before ({shown})" + (f", although this was done: {'; '.join(actions)}" if actions else "")
    data = {**event.data, "previous": None if previous in hidden else previous, "actions": actions}
    return event.model_copy(update={"text": text, "data": data})


def _data(name: str, value: Any, hidden: Collection[str]) -> Any:
    # Some fields contain only ids, and others contain them in text; texts of a hidden incident's items are left out.
    if isinstance(value, str):
        return "" if value in hidden else _cleaned(value, hidden)
    if name == "recurs":
        return _kept(_texts(value), hidden)
    if isinstance(value, Mapping):
        known = {key: one for key, one in value.items() if not (key == "previous" and one in hidden)}
        return {key: _data(key, one, hidden) for key, one in known.items()}
    return [_data("", one, hidden) for one in value] if isinstance(value, list) else value


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else []


def _owner(item: str) -> str:
    # The incident of an action item that was done: followup/action_item_reminders.py writes it first.
    return item.partition(" action ")[0]


def _kept(items: Iterable[str], hidden: Collection[str]) -> list[str]:
    return [one for one in items if _owner(one) not in hidden]


def _cleaned(text: str, hidden: Collection[str]) -> str:
    if not any(id_ in text for id_ in hidden):
        return text
    named = "|".join(re.escape(id_) for id_ in sorted(hidden, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{named})(?!\w)", HIDDEN, text)
