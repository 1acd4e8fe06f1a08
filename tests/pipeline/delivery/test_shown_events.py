"""The log that channels get after a person has hidden entries, or another incident became private."""

from __future__ import annotations

from typing import Any

from receiver.incident.followup.hidden_entries import HIDDEN
from receiver.model.incident.event import Actor, ActorKind, Event, Kind
from receiver.pipeline.delivery.shown_events import without_hidden
from tests.channels.notices import NOW

ALICE = Actor(kind=ActorKind.PERSON, name="alice")


def event(seq: int, kind: Kind, text: str = "", **data: Any) -> Event:
    return Event(seq=seq, at=NOW, kind=kind, actor=ALICE, reason="x", text=text, data=data)


def hiding(seq: int, entry: int, *, hidden: bool = True) -> Event:
    return event(seq, Kind.CORRECTED, entry=entry, hidden=hidden)


def test_a_hidden_entry_keeps_whom_it_mentions_and_none_of_its_words() -> None:
    action = {"n": 1, "title": "tell Zebrafisch", "owner": "bob", "status": "open", "by": "alice"}
    page = {"person": "carol", "note": "Zebrafisch", "address": "x"}
    log = [
        event(1, Kind.NOTE, "Zebrafisch", people=["bob"], by="alice"),
        event(2, Kind.ACTION_ADDED, "Zebrafisch", action=action, changed=["status"]),
        event(3, Kind.SECOND_ROAD, "Zebrafisch", page=page, person="carol"),
        event(4, Kind.NOTE, "shown again"),
        *(hiding(4 + entry, entry) for entry in (1, 2, 3, 4)),
        hiding(9, 4, hidden=False),
    ]
    shown = without_hidden(log, ())
    assert [one.text for one in shown[:4]] == [HIDDEN, HIDDEN, HIDDEN, "shown again"]
    assert [one.data for one in shown[:3]] == [
        {"people": ["bob"]},
        {"changed": ["status"], "action": {"n": 1, "owner": "bob", "status": "open"}},
        {"person": "carol", "page": {"person": "carol"}},
    ]


def test_similar_incidents_that_are_private_by_now_are_left_out() -> None:
    lines = [{"id": "INC-1", "why": "cause: Zebrafisch", "url": ""}, {"id": "INC-2", "why": "same alert", "url": ""}]
    seen = event(1, Kind.SEEN_BEFORE, "seen before: INC-1 (cause: Zebrafisch); INC-2 (same alert)", similar=lines)
    (left,) = without_hidden([seen], {"INC-1"})
    assert (left.text, left.data["similar"]) == ("seen before: INC-2 (same alert)", lines[1:])
    assert without_hidden([seen], {"INC-1", "INC-2"}) == [], "no empty message is sent to chat"
    assert [one.kind for one in without_hidden([seen, hiding(2, 1)], ())] == [Kind.CORRECTED]
