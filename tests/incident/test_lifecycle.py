"""Each branch of what a notification does: what it is called, what is logged, and what is written."""

from __future__ import annotations

from datetime import timedelta

import pytest

from receiver.incident.timing import MONITOR, on_timer, timers
from receiver.incident.verdict import Outcome
from receiver.model.incident import Incident, State
from receiver.model.severity import Severity
from tests.incident.given import CHAT, NOW, Store, alert, at, kinds, part, policy, records

A, B = alert("A"), alert("B")
A_ENDS, B_ENDS = alert("A", firing=False), alert("B", firing=False)
OPENED = ["opened", "page", "notify"]


@pytest.fixture
def store() -> Store:
    """Nothing is known."""
    return Store()


@pytest.fixture
def opened() -> Store:
    """A and B fire."""
    made = Store()
    made.tell(part(A, B), NOW)
    return made


@pytest.fixture
def watched(opened: Store) -> Store:
    """Both have ended a minute later."""
    opened.tell(part(A_ENDS, B_ENDS), at(60))
    return opened


@pytest.fixture
def resolved(watched: Store) -> Store:
    """And the watch is over."""
    watched.tick(at(60 + 900))
    return watched


def only(store: Store) -> Incident:
    (incident,) = store.incidents.values()
    return incident


def close(store: Store, state: State = State.CLOSED) -> None:
    """A person ends the incident whatever its alerts do."""
    incident = only(store)
    store.incidents[incident.uid] = incident.model_copy(update={"state": state, "resolved_at": at(60)})


# Nothing is open.


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


# It is open.


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
    verdict = opened.tell(part(alert("A", firing=False, starts=-60), B), at(60))
    assert (verdict.outcome, only(opened).firing) == (Outcome.DUPLICATE, 2)


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


# The notification is cut.


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
    assert timers(only(watched), watched.policy) == {MONITOR: None}
    watched.tick(at(10_000))
    assert only(watched).state is State.MONITORING
    watched.tell(part(A_ENDS), at(10_001))
    watched.tick(at(10_001))
    assert only(watched).state is State.RESOLVED


# It is watched.


def test_firing_again_while_watched_falls_back_without_a_page(watched: Store) -> None:
    verdict = watched.tell(part(alert("A", starts=200)), at(210))
    assert (verdict.outcome, verdict.reason, kinds(verdict.events)) == (Outcome.UPDATED, "refired", ["refired"])
    assert (only(watched).state, only(watched).resume) == (State.OPEN, None)
    assert timers(only(watched), watched.policy) == {MONITOR: None}


@pytest.mark.parametrize("state", [State.OPEN, State.ACKNOWLEDGED, State.IDENTIFIED])
def test_it_falls_back_to_the_state_it_left(opened: Store, state: State) -> None:
    opened.incidents["uid0"] = only(opened).model_copy(update={"state": state})
    opened.tell(part(A_ENDS, B_ENDS), at(60))
    opened.tell(part(alert("A", starts=200)), at(210))
    assert only(opened).state is state


def test_a_worse_alert_while_watched_pages(watched: Store) -> None:
    verdict = watched.tell(part(alert("C", worst=1, starts=200)), at(210))
    assert kinds(verdict.events)[:3] == ["refired", "severity_raised", "page"]


def test_an_end_again_while_watched_is_a_duplicate(watched: Store) -> None:
    assert watched.tell(part(A_ENDS, B_ENDS), at(120)).outcome is Outcome.DUPLICATE


def test_the_watch_ends_to_the_second(watched: Store) -> None:
    incident = only(watched)
    assert timers(incident, watched.policy) == {MONITOR: at(60 + 900)}
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
    assert timers(only(store), store.policy) == {MONITOR: None}
    store.tell(part(alert("A", starts=1000)), at(1010))
    assert only(store).proposed is False


def test_a_timer_of_another_name_says_nothing(watched: Store) -> None:
    assert on_timer("unheard-of", only(watched), watched.policy, at(10_000)) is None


# It is over.


def test_firing_soon_after_reopens_with_a_new_ring(resolved: Store) -> None:
    verdict = resolved.tell(part(alert("A", starts=1000)), at(1000))
    assert (verdict.outcome, verdict.reason) == (Outcome.REOPENED, "reopened")
    assert kinds(verdict.events) == ["reopened", "page", "notify"]
    incident = only(resolved)
    assert (incident.state, incident.ring, incident.reopened, incident.resolved_at) == (State.OPEN, 2, 1, None)
    assert [(page.person, page.ring) for page in incident.pages] == [("alice", 1), ("alice", 2)]
    assert len({page.key for page in incident.pages}) == 2


def test_reopening_worse_raises_first(resolved: Store) -> None:
    verdict = resolved.tell(part(alert("A", starts=1000, worst=1)), at(1000))
    assert kinds(verdict.events) == ["reopened", "severity_raised", "page", "page", "notify"]
    assert verdict.outcome is Outcome.REOPENED


def test_reopening_less_bad_keeps_the_severity(resolved: Store) -> None:
    resolved.tell(part(alert("A", starts=1000, worst=4)), at(1000))
    assert only(resolved).severity is Severity.SEV2


@pytest.mark.parametrize(("after", "outcome"), [(3600, Outcome.REOPENED), (3601, Outcome.OPENED)])
def test_how_soon_is_soon(resolved: Store, after: int, outcome: Outcome) -> None:
    assert resolved.tell(part(alert("A", starts=4000)), at(960 + after)).outcome is outcome


def test_long_after_another_incident_opens_with_its_own_page_key(resolved: Store) -> None:
    verdict = resolved.tell(part(alert("A", starts=9000)), at(9000))
    assert verdict.pointers == {"key": "uid0"}
    first, second = resolved.incidents.values()
    assert first.pages[0].key != second.pages[0].key


def test_a_late_end_after_it_is_over_changes_nothing(resolved: Store) -> None:
    verdict = resolved.tell(part(A_ENDS), at(1000))
    assert (verdict.outcome, verdict.incident, verdict.tombs) == (Outcome.IGNORED, None, {})


@pytest.mark.parametrize("state", [State.CLOSED, State.RESOLVED])
def test_closed_by_a_person_it_stays_closed_while_the_same_alerts_fire(opened: Store, state: State) -> None:
    close(opened, state)
    verdict = opened.tell(part(A, B), at(120))
    assert (verdict.outcome, verdict.reason, verdict.incident) == (Outcome.DUPLICATE, "closed_by_person", None)


def test_closed_by_a_person_another_alert_opens_another(opened: Store) -> None:
    close(opened)
    verdict = opened.tell(part(A, B, alert("C")), at(120))
    assert verdict.outcome is Outcome.OPENED
    assert len(opened.incidents) == 2


def test_closed_by_a_person_what_ends_is_written_and_frees_its_key(opened: Store) -> None:
    close(opened)
    verdict = opened.tell(part(A_ENDS, B_ENDS), at(120))
    assert (verdict.outcome, kinds(verdict.events)) == (Outcome.IGNORED, ["updated"])
    assert sorted(verdict.freed) == sorted([A.fingerprint, B.fingerprint])
    assert (only(opened).state, only(opened).firing) == (State.CLOSED, 0)
    assert opened.tell(part(alert("A", starts=200)), at(210)).outcome is Outcome.OPENED


def test_closed_by_a_person_one_that_ends_beside_one_that_fires_is_written_too(opened: Store) -> None:
    close(opened)
    opened.tell(part(A, B_ENDS), at(120))
    assert opened.tell(part(A, alert("B", starts=200)), at(210)).outcome is Outcome.OPENED


# Other groups, other roads.


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
