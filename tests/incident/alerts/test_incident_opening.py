"""The effect of a notification without an open incident: title, log, and writes."""

from __future__ import annotations

import pytest

from receiver.incident.log.notification_outcome import Outcome
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from tests.incident.fixtures import A_ENDS, B_ENDS, CHAT, NOW, A, B, Store, alert, at, kinds, only, part, records

OPENED = ["opened", "page", "notify"]


def test_a_first_alert_opens(store: Store) -> None:
    verdict = store.tell(part(A, B), NOW)
    assert (verdict.outcome, verdict.reason) == (Outcome.OPENED, "opened")
    assert kinds(verdict.events) == OPENED
    assert records(verdict) == {"A": True, "B": True}
    assert set(verdict.bodies) == set(verdict.owners) == {A.fingerprint, B.fingerprint}
    assert verdict.pointers == {"key": ""}
    incident = only(store)
    assert (incident.state, incident.severity, incident.firing, incident.names) == (
        State.OPEN, Severity.SEV2, 2, ("A", "B"),
    )  # fmt: skip
    assert [page.person for page in incident.pages] == ["alice"]
    assert incident.notified == ("lead",)
    assert verdict.events[0].to == (CHAT,)


def test_the_worst_alert_names_it_and_the_order_does_not_matter() -> None:
    bad = alert("Bad", worst=1, starts=5)
    both = [Store(), Store()]
    both[0].tell(part(A, bad), NOW)
    both[1].tell(part(bad, A), NOW)
    assert [(only(one).title, only(one).severity) for one in both] == [("Bad", Severity.SEV1)] * 2
    assert only(both[0]).episode == only(both[1]).episode


def test_an_end_alone_is_ignored_and_remembered(store: Store) -> None:
    verdict = store.tell(part(A_ENDS), NOW)
    assert (verdict.outcome, verdict.reason, verdict.incident) == (Outcome.IGNORED, "nothing_open", None)
    assert list(verdict.tombs) == [A.fingerprint]


def test_a_beginning_after_its_end_is_held(store: Store) -> None:
    store.tell(part(A_ENDS), NOW)
    verdict = store.tell(part(A), at(1))
    assert (verdict.outcome, verdict.reason, verdict.held) == (Outcome.IGNORED, "held", [A])
    assert store.incidents == {}


def test_a_newer_beginning_after_an_end_opens_and_forgets_the_end(store: Store) -> None:
    store.tell(part(A_ENDS), NOW)
    verdict = store.tell(part(alert("A", starts=1)), at(1))
    assert verdict.outcome is Outcome.OPENED
    assert verdict.untomb == [A.fingerprint]


def test_what_is_held_goes_on_waiting_when_it_is_not_named(store: Store) -> None:
    store.tell(part(A_ENDS), NOW)
    store.tell(part(A), at(1))
    verdict = store.tell(part(B), at(2))
    assert verdict.outcome is Outcome.OPENED
    assert verdict.held == [A]
    assert records(verdict) == {"B": True}


@pytest.mark.parametrize("truncated", [0, 1])
def test_what_is_held_is_let_go_where_all_of_its_group_has_ended(store: Store, truncated: int) -> None:
    store.tell(part(A_ENDS, B), NOW)
    store.tell(part(A, B), at(4))
    verdict = store.tell(part(alert("B", firing=False), truncated=truncated), at(10))
    assert verdict.held == ([A] if truncated else [])
    assert only(store).state is (State.OPEN if truncated else State.MONITORING)
    store.tick(at(70))
    assert only(store).firing == truncated


def test_what_is_held_is_let_go_by_its_end(store: Store) -> None:
    store.tell(part(A_ENDS), NOW)
    store.tell(part(A), at(1))
    assert store.tell(part(A_ENDS), at(2)).held == []
    store.tick(at(120))
    assert store.incidents == {}


def test_what_is_held_fires_when_nothing_ends_it(store: Store) -> None:
    store.tell(part(A_ENDS), NOW)
    store.tell(part(A), at(1))
    store.tick(at(60))
    assert store.incidents == {}
    store.tick(at(61))
    assert only(store).state is State.OPEN


def test_one_held_and_one_fresh_alert_open_with_the_fresh_one(store: Store) -> None:
    store.tell(part(A_ENDS), NOW)
    verdict = store.tell(part(A, B), at(1))
    assert (verdict.outcome, records(verdict), verdict.held) == (Outcome.OPENED, {"B": True}, [A])


def test_a_mixed_notification_opens_for_what_fires(store: Store) -> None:
    verdict = store.tell(part(A, B_ENDS), NOW)
    assert records(verdict) == {"A": True}
    assert only(store).firing == 1


def test_a_late_copy_of_an_alert_that_ended_in_the_opening_notification_is_held(store: Store) -> None:
    store.tell(part(A, B_ENDS), NOW)
    verdict = store.tell(part(A, B), at(1))
    assert verdict.held == [B]
    assert only(store).firing == 1


def test_a_late_copy_of_an_alert_whose_end_came_while_open_is_held(store: Store) -> None:
    store.tell(part(A), NOW)
    store.tell(part(A, B_ENDS), at(1))
    assert store.tell(part(A, B), at(2)).held == [B]
