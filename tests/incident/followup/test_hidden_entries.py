"""The text of a hidden entry in the incident's state is removed, unless a later entry has replaced it."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.incident.followup.hidden_entries import HIDDEN, restated
from receiver.incident.log.command_errors import IllegalCommand
from receiver.model.command import ApproveUpdate, CorrectEntry, UpdateStatusPage
from receiver.model.incident.event import Actor, ActorKind, Event, Kind
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.PERSON, name="alice")


def log(*entries: tuple[Kind, dict[str, Any]]) -> list[Event]:
    now = "2026-11-23T14:00:00Z"
    rows = [(Kind.OPENED, {"incident": {"title": "ApiDown"}}), *entries]
    return [
        Event.model_validate(
            {"seq": seq, "at": now, "kind": kind, "actor": ALICE, "reason": "x", "text": "words", "data": data}
        )
        for seq, (kind, data) in enumerate(rows, 1)
    ]


def edited(**changed: str) -> tuple[Kind, dict[str, Any]]:
    return Kind.EDITED, {"changed": changed}


def hiding(entry: int, *, hidden: bool = True) -> tuple[Kind, dict[str, Any]]:
    return Kind.CORRECTED, {"entry": entry, "hidden": hidden}


def test_a_title_becomes_the_last_one_that_is_not_hidden() -> None:
    events = log(edited(title="first"), edited(title="second", cause="disk"), edited(cause="network"))
    assert restated(events, 3, hidden=True) == {"edited": {"title": "first"}}
    assert restated(events, 2, hidden=True) == {"edited": {"title": "second"}}
    events = log(edited(title="first"), edited(title="second"), hiding(3))
    assert restated(events, 2, hidden=True) == {"edited": {"title": "ApiDown"}}
    assert restated(events, 3, hidden=False) == {"edited": {"title": "second"}}


def test_texts_that_a_later_entry_has_replaced_stay() -> None:
    events = log(edited(cause="disk", impact="all"), edited(cause="network"))
    assert restated(events, 2, hidden=True) == {"edited": {"impact": HIDDEN}}
    assert restated(events, 2, hidden=False) == {"edited": {"impact": "all"}}
    marks = log((Kind.NOISE, {"noise": {"by": "alice", "text": "flaps"}}), (Kind.NOISE, {"noise": None}))
    assert (restated(marks, 2, hidden=True), restated(marks, 3, hidden=True)) == ({}, {})


def test_an_action_is_called_by_its_last_title() -> None:
    events = log(
        (Kind.ACTION_ADDED, {"action": {"n": 1, "title": "one"}}),
        (Kind.ACTION_ADDED, {"action": {"n": 2, "title": "two"}}),
        (Kind.ACTION_CHANGED, {"action": {"n": 1, "title": "one"}, "changed": ["status"]}),
        (Kind.ACTION_CHANGED, {"action": {"n": 2, "title": "new"}, "changed": ["title"]}),
    )
    said = [restated(events, seq, hidden=True) for seq in (2, 3, 4, 5)]
    assert said == [{"action": {"n": 1, "title": HIDDEN}}, {}, {}, {"action": {"n": 2, "title": HIDDEN}}]


def test_what_was_published_stays_and_so_does_a_template() -> None:
    draft = {"n": 1, "text": "words", "cause": "words", "published_at": None}
    events = log((Kind.STATUS_UPDATE, {"update": draft}), (Kind.STATUS_UPDATE, {"update": {**draft, "n": 2}}))
    assert restated(events, 2, hidden=True) == {"update": {"n": 1, "text": HIDDEN, "cause": None}}
    assert restated(events, 2, hidden=False) == {"update": {"n": 1, "text": "words", "cause": "words"}}
    published = {"update": {**draft, "published_at": "2026-11-23T14:00:00Z"}}
    assert restated(log((Kind.STATUS_UPDATE, published)), 2, hidden=True) == {}
    assert restated([*events, *log((Kind.STATUS_APPROVED, published))[1:]], 2, hidden=True) == {}
    assert restated(log((Kind.STATUS_UPDATE, {"update": {**draft, "template": True}})), 2, hidden=True) == {}


async def test_a_draft_whose_text_is_hidden_is_not_published(store_url: str, patient: None) -> None:
    world = World(store_url)
    try:
        respond = (await world.open()).one.respond
        await world.post(notification(alert()))
        write = UpdateStatusPage(status="identified", text="words", publish=False)
        made = await respond.act("INC-2026-0001", write, ALICE, world.clock.now())
        entry = next(event for event in made.events if event.kind is Kind.STATUS_UPDATE)
        n = entry.data["update"]["n"]
        for hidden in (True, False):
            hide = CorrectEntry(seq=entry.seq, hidden=hidden)
            await respond.act("INC-2026-0001", hide, ALICE, world.clock.now())
            if hidden:
                with pytest.raises(IllegalCommand, match="its text is hidden"):
                    await respond.act("INC-2026-0001", ApproveUpdate(n=n), ALICE, world.clock.now())
        done = await respond.act("INC-2026-0001", ApproveUpdate(n=n), ALICE, world.clock.now())
        assert next(one for one in done.incident.updates if one.n == n).text == "words"
    finally:
        await world.close()
