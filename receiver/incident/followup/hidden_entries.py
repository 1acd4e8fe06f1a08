"""Updates the state of an incident when a person hides or shows a log entry: the state has no hidden text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from receiver.model.incident.event import Event, Kind
from receiver.model.incident.response_records import OPTIONS

HIDDEN = "hidden by a person"
"""The text shown in place of a hidden one."""
_NAMED = frozenset(option.name for option in OPTIONS)
_TEXTS = ("summary", "cause", "impact", "resolution")


def restated(events: Sequence[Event], seq: int, *, hidden: bool) -> dict[str, Any]:
    """Return the values of the state after the log entry `seq` is hidden or shown again; {} if nothing changes.

    These are `mitigation` and, unless a later entry has replaced them, `decision`, `team_reason`, `noise`, `edited`
    (fields by name), `action` (number and title) and `update` (number and texts of a draft).
    """
    entry = next((event for event in events if event.seq == seq), None)
    if entry is None:
        return {}
    said: dict[str, Any] = {}
    if entry is _last(events, "decision"):
        decision = dict(entry.data["decision"])
        said["decision"] = decision | {"reasons": [HIDDEN]} if hidden else decision
    if entry.kind is Kind.TEAM_CHANGED and entry is _last(events, "team"):
        said["team_reason"] = HIDDEN if hidden else entry.text
    if isinstance(chosen := entry.data.get("mitigation"), dict):
        option = chosen.get("option") if chosen.get("option") in _NAMED else HIDDEN
        said["mitigation"] = {**chosen, "option": option, "text": HIDDEN} if hidden else dict(chosen)
    if entry is _last(events, "noise") and (mark := entry.data["noise"]) and mark.get("text"):
        said["noise"] = {**mark, "text": HIDDEN} if hidden else dict(mark)
    if entry.kind is Kind.EDITED:
        said["edited"] = _edited(events, entry, hidden=hidden)
    if _titles_action(entry) and (action := _action(events, entry, hidden=hidden)):
        said["action"] = action
    if entry.kind is Kind.STATUS_UPDATE and (update := _update(events, entry, hidden=hidden)):
        said["update"] = update
    return said


def _edited(events: Sequence[Event], entry: Event, *, hidden: bool) -> dict[str, Any]:
    made = [event for event in events if event.kind is Kind.EDITED]
    said: dict[str, Any] = {}
    for name in _TEXTS:
        last = next((event for event in reversed(made) if name in event.data["changed"]), None)
        if last is entry:
            said[name] = HIDDEN if hidden else entry.data["changed"][name]
    if "title" in entry.data["changed"]:
        # Pages and messages need a reason: the last one that is not hidden.
        gone = {**_hidden(events), entry.seq: hidden}
        titles = [event.data["changed"].get("title") for event in reversed(made) if not gone.get(event.seq)]
        first = next((event.data["incident"]["title"] for event in events if event.kind is Kind.OPENED), HIDDEN)
        said["title"] = next((title for title in titles if title), first)
    return said


def _titles_action(event: Event) -> bool:
    renamed = event.kind is Kind.ACTION_CHANGED and "title" in event.data.get("changed", ())
    return event.kind is Kind.ACTION_ADDED or renamed


def _action(events: Sequence[Event], entry: Event, *, hidden: bool) -> dict[str, Any]:
    item = entry.data["action"]
    same = (event for event in reversed(events) if _titles_action(event) and event.data["action"]["n"] == item["n"])
    return {"n": item["n"], "title": HIDDEN if hidden else item["title"]} if next(same) is entry else {}


def _update(events: Sequence[Event], entry: Event, *, hidden: bool) -> dict[str, Any]:
    # A published update is on the status page, and a further update corrects it; a template has no person's words.
    update = entry.data["update"]
    same = [event for event in events if (event.data.get("update") or {}).get("n") == update["n"]]
    last = next(event for event in reversed(same) if event.kind is Kind.STATUS_UPDATE)
    if last is not entry or update.get("template") or same[-1].data["update"].get("published_at"):
        return {}
    texts = {"text": HIDDEN, "cause": None} if hidden else {name: update.get(name) for name in ("text", "cause")}
    return {"n": update["n"], **texts}


def _hidden(events: Sequence[Event]) -> dict[int, bool]:
    made = (event for event in events if event.kind is Kind.CORRECTED and "hidden" in event.data)
    return {event.data["entry"]: bool(event.data["hidden"]) for event in made}


def _last(events: Sequence[Event], name: str) -> Event | None:
    # An entry about hiding makes no decision itself: it stores the restored values under a separate name.
    return next((event for event in reversed(events) if name in event.data), None)
