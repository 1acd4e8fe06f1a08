"""Data of earlier and later versions can be read."""

from __future__ import annotations

import json

from receiver.incident.log.event_log import replay_events
from receiver.model.incident.event import Actor, ActorKind, Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import StatusUpdate
from tests.channels.notices import NOW, notice

ACTOR = Actor(kind=ActorKind.TIMER, name="x")


def stored(**more: object) -> dict[str, object]:
    """Return an incident as stored."""
    incident = notice().incident
    assert incident is not None
    made: dict[str, object] = json.loads(incident.model_dump_json())
    return {**made, **more}


def test_a_place_in_chat_that_stood_with_the_incident_is_passed_over() -> None:
    old = Incident.model_validate(stored(rooms={"chat": "C0123"}))
    assert old == Incident.model_validate(stored())


def test_a_log_that_tells_of_a_place_is_folded_still() -> None:
    opened = Event(seq=1, at=NOW, kind=Kind.OPENED, actor=ACTOR, reason="opened", text="x",
                   data={"incident": stored(rooms={})})  # fmt: skip
    data = {"channel": "chat", "id": "C0123", "name": "inc-1"}
    room = {**json.loads(opened.model_dump_json()), "seq": 2, "kind": "room", "reason": "room", "data": data}
    after = replay_events([opened, Event.model_validate(room)])
    assert after is not None
    assert after.seq == 2


def test_what_a_later_version_has_written_beside_is_kept() -> None:
    read = Incident.model_validate(stored(of_tomorrow={"a": [1]}, roles={"deputy": "bob"}))
    changed = json.loads(read.model_copy(update={"title": "slow"}).model_dump_json())
    assert (changed["of_tomorrow"], changed["roles"]["deputy"], changed["title"]) == ({"a": [1]}, "bob", "slow")


def test_an_update_from_before_deadlines_is_read() -> None:
    old = {"n": 1, "status": "identified", "text": "x", "by": "alice", "at": NOW.isoformat(), "published_at": None}
    update = StatusUpdate.model_validate(old)
    assert (update.waits, update.deadline, update.template, update.severity) == (True, None, False, None)
