"""The state is determined only by the log."""

from __future__ import annotations

import pytest

from receiver.incident.log.event_log import Transition, apply_event, replay_events
from receiver.incident.timers import on_timer
from receiver.model.incident.event import Actor, ActorKind, Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.policy_snapshot import EscalationProgress
from receiver.model.incident.state import State
from tests.incident.fixtures import NOW, Store, alert, at, decision, part, policy

ALICE = Actor(kind=ActorKind.PERSON, name="alice")
WORSE = decision(1)


@pytest.fixture
def opened() -> Incident:
    """An open incident."""
    store = Store()
    store.tell(part(alert("A")), NOW)
    return store.incidents["uid0"]


STOOD = EscalationProgress(spent=60.0)
"""The escalation clock, stopped a minute after the opening."""


def after(incident: Incident, *kinds: Kind, **data: object) -> Incident:
    draft = Transition(incident, ALICE, at(60))
    for kind in kinds:
        draft.add(kind, "reason", "text", dict(data))
    return draft.incident


def test_an_empty_log_is_no_incident() -> None:
    assert replay_events([]) is None


def test_a_draft_of_nothing_has_no_incident() -> None:
    with pytest.raises(LookupError):
        _ = Transition(None, ALICE, NOW).incident


def test_the_first_event_of_a_log_opens_it() -> None:
    with pytest.raises(KeyError):
        replay_events([Event(seq=1, at=NOW, kind=Kind.UPDATED, actor=ALICE, reason="r", text="t")])


def test_a_log_survives_its_way_through_json() -> None:
    store = Store()
    store.tell(part(alert("A"), alert("B", worst=1)), NOW)
    store.tell(part(alert("A", firing=False), alert("B", firing=False)), at(60))
    store.tick(at(960))
    store.tell(part(alert("A", starts=1000)), at(1001))
    log = [Event.model_validate_json(event.model_dump_json()) for event in store.logs["uid0"]]
    assert replay_events(log, store.incidents["uid0"].plan) == store.incidents["uid0"]
    assert Incident.model_validate_json(store.incidents["uid0"].model_dump_json()) == store.incidents["uid0"]


def test_events_are_numbered_on_from_the_last(opened: Incident) -> None:
    draft = Transition(opened, ALICE, at(60))
    draft.add(Kind.UPDATED, "one", "text")
    draft.add(Kind.UPDATED, "two", "text")
    assert [event.seq for event in draft.events] == [opened.seq + 1, opened.seq + 2]
    assert draft.incident.seq == opened.seq + 2
    assert {event.at for event in draft.events} == {at(60)}


@pytest.mark.parametrize(
    ("kind", "data", "change"),
    [
        (Kind.UPDATED, {"firing": 3, "left": 2, "resolved": 1}, {"firing": 3, "left": 2, "resolved": 1}),
        (Kind.UPDATED, {"names": ["A", "B"], "partial": ["g"]}, {"names": ("A", "B"), "partial": ("g",)}),
        (Kind.UPDATED, {"unheard-of": 1}, {}),
        (Kind.JOINED, {"keys": ["key", "other"]}, {"keys": ("key", "other")}),
        (Kind.PAGE_PASSED, {"contact": "x", "person": None}, {}),
        (Kind.PARTIAL_VIEW, {}, {}),
        (Kind.NOTIFY, {"people": ["cto"]}, {"notified": ("lead", "cto")}),
        (Kind.MONITORING, {}, {"state": State.MONITORING, "resume": State.OPEN, "monitoring_at": at(60),
         "ladder": STOOD}),
        (Kind.RESOLVED, {}, {"state": State.RESOLVED, "resolved_at": at(60), "ladder": STOOD}),
        (Kind.RESOLUTION_PROPOSED, {}, {"proposed": True}),
        (Kind.SEVERITY_RAISED, {"decision": WORSE.model_dump(mode="json")}, {"severity": "SEV-1", "decision": WORSE,
         "severity_at": at(60), "ladder": EscalationProgress(since=at(60)), "calm_since": at(60), "raised": 4}),
        (Kind.REFIRED, {}, {"state": State.OPEN, "resume": None, "monitoring_at": None, "flaps": 1}),
        (Kind.REOPENED, {}, {"state": State.OPEN, "ring": 2, "reopened": 1, "notified": (), "flaps": 1,
         "reached": (), "severity_at": at(60), "ladder": EscalationProgress(since=at(60))}),
    ],
)  # fmt: skip
def test_what_each_event_changes(
    opened: Incident, kind: Kind, data: dict[str, object], change: dict[str, object]
) -> None:
    event = Event(seq=opened.seq + 1, at=at(60), kind=kind, actor=ALICE, reason="r", text="t", data=data)
    assert apply_event(opened, event) == opened.model_copy(update={"seq": opened.seq + 1, **change})


@pytest.mark.parametrize("state", [State.OPEN, State.ACKNOWLEDGED, State.IDENTIFIED])
def test_a_relapse_resumes(opened: Incident, state: State) -> None:
    before = opened.model_copy(update={"state": state})
    watched = after(before, Kind.MONITORING)
    assert watched.resume is state
    assert after(watched, Kind.REFIRED).state is state


def test_reopening_forgets_every_moment_of_the_first_time(opened: Incident) -> None:
    over = after(opened, Kind.MONITORING, Kind.RESOLUTION_PROPOSED, Kind.RESOLVED)
    done = over.model_copy(update={"acknowledged_at": NOW, "identified_at": NOW, "mitigated_at": NOW, "closed_at": NOW})
    again = after(done, Kind.REOPENED)
    moments = ("monitoring_at", "resolved_at", "acknowledged_at", "identified_at", "mitigated_at", "closed_at")
    assert [getattr(again, name) for name in moments] == [None] * 6
    assert (again.proposed, again.resume, again.opened_at) == (False, None, opened.opened_at)


def test_the_timer_of_the_watch_does_not_end_what_was_asked_about(opened: Incident) -> None:
    watched = after(opened, Kind.MONITORING, Kind.RESOLUTION_PROPOSED)
    quiet = watched.model_copy(update={"firing": 0})
    assert on_timer("monitor", quiet, policy(), at(100_000)) is None
