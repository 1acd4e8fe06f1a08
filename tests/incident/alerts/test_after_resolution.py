"""The effect of a notification after an incident is over."""

from __future__ import annotations

import pytest

from receiver.incident.log.notification_outcome import Outcome
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from tests.incident.fixtures import A_ENDS, B_ENDS, A, B, Store, alert, at, kinds, only, part


def close(store: Store, state: State = State.CLOSED) -> None:
    """Close the incident as a person, regardless of its alerts."""
    incident = only(store)
    store.incidents[incident.uid] = incident.model_copy(update={"state": state, "resolved_at": at(60)})


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


def test_with_an_old_beginning_it_has_its_own_page_key_too(opened: Store) -> None:
    before = {page.key for page in only(opened).pages}
    close(opened)
    opened.tell(part(A, alert("C", starts=0)), at(120))
    first, second = opened.incidents.values()
    assert second.episode == first.episode + 1
    assert not before & {page.key for page in second.pages}


def test_a_late_end_after_it_is_over_changes_nothing(resolved: Store) -> None:
    verdict = resolved.tell(part(A_ENDS), at(1000))
    assert (verdict.outcome, verdict.incident, verdict.tombs) == (Outcome.IGNORED, None, {})


@pytest.mark.parametrize("state", [State.CLOSED, State.RESOLVED])
def test_closed_by_a_person_it_stays_closed_while_the_same_alerts_fire(opened: Store, state: State) -> None:
    close(opened, state)
    verdict = opened.tell(part(A, B), at(120))
    assert (verdict.outcome, verdict.reason, verdict.incident) == (Outcome.DUPLICATE, "closed_by_person", None)


@pytest.mark.parametrize(("after", "outcome"), [(600, Outcome.REOPENED), (9000, Outcome.OPENED)])
def test_closed_by_a_person_what_begins_anew_calls_although_its_end_was_never_told(
    opened: Store, after: int, outcome: Outcome
) -> None:
    close(opened, State.RESOLVED)
    verdict = opened.tell(part(alert("A", starts=after)), at(after + 10))
    assert (verdict.outcome, "page" in kinds(verdict.events)) == (outcome, True)


def test_closed_by_a_person_a_beginning_before_that_is_no_new_one(opened: Store) -> None:
    # Peers report different starts of the same outage.
    close(opened)
    assert opened.tell(part(alert("A", starts=40)), at(120)).reason == "closed_by_person"


@pytest.mark.parametrize("state", [State.CLOSED, State.RESOLVED])
def test_closed_by_a_person_what_grows_worse_calls(opened: Store, state: State) -> None:
    close(opened, state)
    verdict = opened.tell(part(alert("A", worst=1), B), at(120))
    assert verdict.incident is not None
    assert (verdict.incident.severity, "page" in kinds(verdict.events)) == (Severity.SEV1, True)


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
