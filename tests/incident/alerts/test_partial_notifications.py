"""Partial notifications, alerts of several groups, and pages that were sent without the store."""

from __future__ import annotations

from datetime import timedelta

from receiver.incident.log.notification_outcome import Outcome
from receiver.incident.timers import MONITOR, timers
from receiver.model.incident.state import State
from tests.incident.fixtures import A_ENDS, B_ENDS, NOW, A, B, Store, alert, at, kinds, only, part


def close(store: Store, state: State = State.CLOSED) -> None:
    """Close the incident as a person, regardless of its alerts."""
    incident = only(store)
    store.incidents[incident.uid] = incident.model_copy(update={"state": state, "resolved_at": at(60)})


def test_a_cut_notification_ends_nothing_by_itself(store: Store) -> None:
    store.tell(part(A, B, truncated=3), NOW)
    verdict = store.tell(part(A_ENDS, B_ENDS, truncated=3), at(60))
    assert (verdict.outcome, kinds(verdict.events)) == (Outcome.UPDATED, ["updated", "partial_view"])
    assert (only(store).state, only(store).partial) == (State.OPEN, ("group",))


def test_whole_again_with_nothing_firing_it_is_watched(store: Store) -> None:
    store.tell(part(A, truncated=3), NOW)
    store.tell(part(A_ENDS, truncated=3), at(60))
    verdict = store.tell(part(A_ENDS), at(120))
    assert (verdict.outcome, kinds(verdict.events)) == (Outcome.RESOLVED, ["updated", "monitoring"])


def test_cut_in_one_group_and_whole_in_another_is_still_cut(store: Store) -> None:
    store.tell(part(A, truncated=1), NOW)
    store.tell(part(A, group="other", key="other"), at(1))
    store.tell(part(A_ENDS, group="other", key="other"), at(2))
    assert (only(store).state, only(store).partial) == (State.OPEN, ("group",))


def test_cut_while_watched_the_watch_does_not_end_by_itself(watched: Store) -> None:
    watched.tell(part(A_ENDS, truncated=1), at(120))
    assert timers(only(watched), watched.policy)[MONITOR] is None
    watched.tick(at(10_000))
    assert only(watched).state is State.MONITORING
    watched.tell(part(A_ENDS), at(10_001))
    watched.tick(at(10_001))
    assert only(watched).state is State.RESOLVED


def test_another_group_of_the_same_alerts_joins_without_a_page(opened: Store) -> None:
    verdict = opened.tell(part(A, key="other", group="other"), at(60))
    assert (verdict.outcome, kinds(verdict.events)) == (Outcome.UPDATED, ["joined"])
    assert verdict.pointers == {"other": ""}
    assert only(opened).keys == ("key", "other")


def test_a_group_with_one_more_alert_opens_its_own(opened: Store) -> None:
    verdict = opened.tell(part(A, alert("C"), key="other", group="other"), at(60))
    assert verdict.outcome is Outcome.OPENED
    assert verdict.owners == {A.fingerprint: "uid0", alert("C").fingerprint: ""}


def test_pages_of_an_emergency_are_adopted_and_nobody_is_paged_twice(store: Store) -> None:
    made = Store()
    made.tell(part(A), NOW)
    sent = only(made).pages
    verdict = store.tell(part(A, released=True), NOW, adopted=sent)
    assert kinds(verdict.events) == ["opened", "emergency_paged", "page_passed", "notify"]
    assert only(store).pages == sent


def test_adopted_twice_is_adopted_once(store: Store) -> None:
    store.tell(part(A), NOW)
    verdict = store.tell(part(A, released=True), at(5), adopted=only(store).pages)
    assert verdict.outcome is Outcome.DUPLICATE


def test_an_emergency_page_reopens_what_a_person_closed(opened: Store) -> None:
    close(opened)
    page = only(opened).pages[0].model_copy(update={"key": "emergency"})
    verdict = opened.tell(part(A, B, released=True), at(60), adopted=[page])
    assert verdict.outcome is Outcome.OPENED
    assert page in opened.incidents["uid1"].pages


def test_names_in_an_event_are_few(store: Store) -> None:
    store.tell(part(*(alert(f"N{i}") for i in range(50))), NOW)
    verdict = store.tell(part(*(alert(f"M{i}", firing=True) for i in range(50))), at(60))
    assert verdict.events[0].text == "50 joined: M0, M1, M2, M3, M4 and 45 more names"
    assert len(only(store).names) == 20


def test_an_alert_without_a_start_opens_as_well(store: Store) -> None:
    nameless = A.model_copy(update={"starts_at": NOW - timedelta(days=20_000)})
    assert store.tell(part(nameless), NOW).outcome is Outcome.OPENED
