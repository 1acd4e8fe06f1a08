"""The effect of a notification on an open or monitored incident."""

from __future__ import annotations

import pytest

from receiver.incident.log.notification_outcome import Outcome
from receiver.incident.timers import MONITOR, on_timer, timers
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from tests.incident.fixtures import A_ENDS, B_ENDS, NOW, A, B, Store, alert, at, kinds, only, part, policy, records


def test_the_same_again_is_a_duplicate(opened: Store) -> None:
    verdict = opened.tell(part(B, A), at(60))
    assert (verdict.outcome, verdict.reason, verdict.incident) == (Outcome.DUPLICATE, "duplicate", None)
    assert verdict.events == []


def test_another_alert_joins(opened: Store) -> None:
    verdict = opened.tell(part(A, B, alert("C")), at(60))
    assert (verdict.outcome, verdict.reason) == (Outcome.UPDATED, "updated")
    assert kinds(verdict.events) == ["updated"]
    assert verdict.events[0].text == "1 joined: C"
    assert records(verdict) == {"C": True}
    assert only(opened).firing == 3


def test_a_changed_annotation_is_no_event(opened: Store) -> None:
    verdict = opened.tell(part(alert("A", note="other"), B), at(60))
    assert (verdict.outcome, kinds(verdict.events)) == (Outcome.UPDATED, [])
    assert set(verdict.bodies) == set(verdict.records) == {A.fingerprint}
    assert verdict.incident is not None


@pytest.mark.parametrize("moved", [-3600, -1, 1, 3600])
def test_a_start_that_moves_is_no_event(opened: Store, moved: int) -> None:
    verdict = opened.tell(part(alert("A", starts=moved), B), at(60))
    assert kinds(verdict.events) == []
    (record,) = [r for r in opened.records[only(opened).uid].values() if r.name == "A"]
    assert record.starts_ms == only(opened).episode + max(0, moved) * 1000


def test_a_worse_alert_raises_and_pages_who_was_not_paged(opened: Store) -> None:
    verdict = opened.tell(part(A, B, alert("C", worst=1)), at(60))
    assert (verdict.outcome, verdict.reason) == (Outcome.UPDATED, "severity_raised")
    assert kinds(verdict.events) == ["updated", "severity_raised", "page", "page_passed", "notify"]
    assert [page.person for page in only(opened).pages] == ["alice", "lead"]
    assert only(opened).severity is Severity.SEV1
    assert only(opened).notified == ("lead", "boss", "cto")


def test_an_alert_that_gets_worse_raises(opened: Store) -> None:
    verdict = opened.tell(part(alert("A", worst=1), B), at(60))
    assert (verdict.reason, kinds(verdict.events)[0]) == ("severity_raised", "severity_raised")


def test_an_alert_that_gets_better_lowers_nothing(opened: Store) -> None:
    verdict = opened.tell(part(alert("A", worst=4), B), at(60))
    assert kinds(verdict.events) == []
    assert only(opened).severity is Severity.SEV2


def test_an_alert_raises_once_and_not_over_what_a_person_has_set(opened: Store) -> None:
    worse = part(alert("A", worst=1), B)
    opened.tell(worse, at(60))
    lowered = only(opened).model_copy(update={"severity": Severity.SEV3})
    opened.incidents[lowered.uid] = lowered
    assert opened.tell(worse, at(120)).outcome is Outcome.DUPLICATE
    assert opened.tell(part(alert("A", worst=1, note="more"), B), at(180)).reason == "updated"


def test_one_that_ends_leaves_it_open(opened: Store) -> None:
    verdict = opened.tell(part(A, B_ENDS), at(60))
    assert (verdict.outcome, kinds(verdict.events)) == (Outcome.UPDATED, ["updated"])
    assert (verdict.freed, records(verdict)) == ([B.fingerprint], {"B": False})
    assert (only(opened).firing, only(opened).resolved) == (1, 1)


def test_absence_ends_nothing(opened: Store) -> None:
    assert opened.tell(part(A), at(60)).outcome is Outcome.DUPLICATE
    opened.tell(part(A_ENDS), at(120))
    assert (only(opened).state, only(opened).firing) == (State.OPEN, 1)


def test_all_that_end_make_it_watched_and_the_pager_hears_of_it(opened: Store) -> None:
    verdict = opened.tell(part(A_ENDS, B_ENDS), at(60))
    assert (verdict.outcome, verdict.reason) == (Outcome.RESOLVED, "all_alerts_ended")
    assert kinds(verdict.events) == ["updated", "monitoring"]
    assert {to.channel for to in verdict.events[1].to} == {"chat", "pager"}
    assert (only(opened).state, only(opened).resume) == (State.MONITORING, State.OPEN)


def test_an_end_of_an_earlier_episode_ends_nothing(opened: Store) -> None:
    earlier = alert("A", firing=False, starts=-60).model_copy(update={"ends_at": at(-30)})
    verdict = opened.tell(part(earlier, B), at(60))
    assert (verdict.outcome, only(opened).firing) == (Outcome.DUPLICATE, 2)


def test_its_end_ends_it_although_its_beginning_has_moved_back(opened: Store) -> None:
    # Of two Prometheus servers, the alert of the earlier one arrived second: the end has the earlier startsAt.
    verdict = opened.tell(part(alert("A", firing=False, starts=-10), B), at(60))
    assert (verdict.outcome, only(opened).firing) == (Outcome.UPDATED, 1)


def test_an_alert_that_came_back_meanwhile_is_fresh(opened: Store) -> None:
    opened.tell(part(A, B_ENDS), at(60))
    verdict = opened.tell(part(A, alert("B", starts=90)), at(120))
    assert (kinds(verdict.events), only(opened).firing) == (["updated"], 2)


def test_a_late_copy_of_one_that_ended_is_held(opened: Store) -> None:
    opened.tell(part(A, B_ENDS), at(60))
    verdict = opened.tell(part(A, B), at(61))
    assert (verdict.held, only(opened).firing) == ([B], 1)


def test_an_alert_that_ended_long_ago_leaves_and_stays_counted(opened: Store) -> None:
    opened.tell(part(A, B_ENDS), at(60))
    opened.tell(part(A), at(24 * 3600))
    assert (only(opened).resolved, only(opened).left) == (1, 0)
    verdict = opened.tell(part(A), at(60 + 24 * 3600 + 1))
    assert verdict.gone == [B.fingerprint]
    assert (only(opened).firing, only(opened).resolved, only(opened).left) == (1, 0, 1)


def test_firing_again_while_watched_falls_back_with_a_new_page(watched: Store) -> None:
    (before,) = only(watched).pages
    assert before.withdrawn, "no one has acknowledged it, and nothing fires"
    verdict = watched.tell(part(alert("A", starts=200)), at(210))
    assert (verdict.outcome, verdict.reason, kinds(verdict.events)) == (Outcome.UPDATED, "refired", ["refired", "page"])
    _, page = only(watched).pages
    assert (page.person, page.contact, page.ring, page.withdrawn) == (before.person, before.contact, 1, False)
    assert (before.key[-2:], page.key[-2:]) == ("/1", "/2")
    assert (only(watched).state, only(watched).resume) == (State.OPEN, None)
    assert timers(only(watched), watched.policy)[MONITOR] is None


@pytest.mark.parametrize("state", [State.OPEN, State.ACKNOWLEDGED, State.IDENTIFIED])
def test_it_falls_back_to_the_state_it_left(opened: Store, state: State) -> None:
    opened.incidents["uid0"] = only(opened).model_copy(update={"state": state})
    opened.tell(part(A_ENDS, B_ENDS), at(60))
    opened.tell(part(alert("A", starts=200)), at(210))
    assert only(opened).state is state


def test_a_worse_alert_while_watched_pages(watched: Store) -> None:
    verdict = watched.tell(part(alert("C", worst=1, starts=200)), at(210))
    assert kinds(verdict.events)[:4] == ["refired", "page", "severity_raised", "page"]


def test_an_end_again_while_watched_is_a_duplicate(watched: Store) -> None:
    assert watched.tell(part(A_ENDS, B_ENDS), at(120)).outcome is Outcome.DUPLICATE


def test_the_watch_ends_to_the_second(watched: Store) -> None:
    incident = only(watched)
    assert timers(incident, watched.policy)[MONITOR] == at(60 + 900)
    assert on_timer(MONITOR, incident, watched.policy, at(60 + 899)) is None
    draft = on_timer(MONITOR, incident, watched.policy, at(60 + 900))
    assert draft is not None
    assert kinds(draft.events) == ["resolved"]
    assert (draft.incident.state, draft.incident.resolved_at) == (State.RESOLVED, at(960))
    assert {to.channel for to in draft.events[0].to} == {"chat", "pager"}


def test_without_auto_resolve_people_are_asked_once() -> None:
    store = Store(policy(auto_resolve=False))
    store.tell(part(A), NOW)
    store.tell(part(A_ENDS), at(60))
    store.tick(at(960))
    assert (only(store).state, only(store).proposed) == (State.MONITORING, True)
    assert timers(only(store), store.policy)[MONITOR] is None
    store.tell(part(alert("A", starts=1000)), at(1010))
    assert only(store).proposed is False


def test_a_timer_of_another_name_says_nothing(watched: Store) -> None:
    assert on_timer("unheard-of", only(watched), watched.policy, at(10_000)) is None
