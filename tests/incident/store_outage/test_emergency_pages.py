"""Pages without the store: the same people with the same keys as with it, and no one twice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from receiver.incident.log.notification_outcome import NotificationPart
from receiver.incident.store_outage.emergency_pages import emergency_pages
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.state import State
from tests.incident.fixtures import NOW, POLICY, Store, alert, at, part

DOWN = alert("Down", worst=1)


def rung(
    told: NotificationPart, known: Incident | None = None, *, after: float = 5, sent: Iterable[Page] = ()
) -> list[tuple[str, int]]:
    return [(page.person, page.ring) for page in emergency_pages(told, known, POLICY, at(after), sent)]


@pytest.fixture
def store() -> Store:
    """A SEV-2 incident."""
    made = Store()
    made.tell(part(alert("A")), NOW)
    return made


@pytest.mark.parametrize(("worst", "people"), [(1, [("alice", 1), ("lead", 1)]), (2, [("alice", 1)]), (3, []), (4, [])])
def test_only_what_pages_is_paged(worst: int, people: list[tuple[str, int]]) -> None:
    assert rung(part(alert("A", worst=worst))) == people


def test_nothing_is_paged_for_what_has_ended() -> None:
    assert rung(part(alert("A", firing=False, worst=1))) == []


def test_the_worst_that_fires_counts() -> None:
    assert rung(part(alert("A", worst=4), alert("B", worst=2), alert("C", worst=1, firing=False))) == [("alice", 1)]


def test_the_keys_are_those_that_the_store_would_have_led_to() -> None:
    told = part(alert("A"), alert("B", worst=1, starts=-5))
    store = Store()
    store.tell(told, NOW)
    pages = emergency_pages(told, None, POLICY, at(5))
    assert {page.key for page in pages} == {page.key for page in store.incidents["uid0"].pages}
    assert {page.step for page in pages} == {"emergency"}


def test_a_group_that_has_shrunk_before_it_was_stored_keeps_its_page_keys() -> None:
    first = emergency_pages(part(alert("A", starts=-60)), None, POLICY, NOW)
    shrunk = part(alert("A", starts=-60, firing=False), alert("B", starts=-10))
    store = Store()
    store.tell(shrunk, at(30))
    assert {page.key for page in store.incidents["uid0"].pages} == {page.key for page in first} != set()
    assert {page.key for page in emergency_pages(shrunk, None, POLICY, at(30))} == {page.key for page in first}


def test_another_incident_of_a_key_has_other_page_keys_with_the_store_and_without(store: Store) -> None:
    store.tell(part(alert("A", firing=False)), at(60))
    store.tick(at(960))
    known = store.incidents["uid0"]
    told = part(alert("A", firing=False), alert("B", starts=5000))
    pages = emergency_pages(told, known, POLICY, at(6000))
    assert {page.key for page in pages}.isdisjoint(page.key for page in known.pages)
    store.tell(told, at(6000))
    assert {page.key for page in store.incidents["uid1"].pages} == {page.key for page in pages}


def test_what_is_open_and_paged_is_not_paged_again(store: Store) -> None:
    assert rung(part(alert("A"), alert("B")), store.incidents["uid0"]) == []


@pytest.mark.parametrize(
    ("unconfirmed", "change", "again"),
    [(True, {}, True), (False, {}, False), (True, {"state": State.ACKNOWLEDGED}, False),
     (True, {"held": "storm"}, False), (True, {"ring": 2}, False)],
)  # fmt: skip
def test_what_opened_by_a_commit_that_was_not_answered_is_paged_under_the_same_keys(
    store: Store, unconfirmed: bool, change: dict[str, Any], again: bool
) -> None:
    known = store.incidents["uid0"].model_copy(update=change)
    pages = emergency_pages(part(alert("A")), known, POLICY, at(4), unconfirmed=unconfirmed)
    assert {page.key for page in pages} == ({page.key for page in known.pages} if again else set())
    assert emergency_pages(part(alert("A")), known, POLICY, at(9), pages, unconfirmed=unconfirmed) == []


def test_what_has_got_worse_pages_who_was_not_paged(store: Store) -> None:
    assert rung(part(alert("A"), DOWN), store.incidents["uid0"]) == [("lead", 1)]


def test_what_was_sent_is_not_sent_again() -> None:
    sent = emergency_pages(part(DOWN), None, POLICY, NOW)
    assert rung(part(DOWN), sent=sent) == []
    assert rung(part(DOWN, alert("B", worst=2)), sent=sent[:1]) == [("lead", 1)]


def test_another_key_rings_for_itself() -> None:
    sent = emergency_pages(part(DOWN), None, POLICY, NOW)
    assert rung(part(DOWN, key="other"), sent=sent) == [("alice", 1), ("lead", 1)]


@pytest.mark.parametrize(("after", "ring"), [(960 + 3600, 2), (960 + 3601, 1)])
def test_soon_after_the_resolution_it_rings_anew_like_a_reopening(store: Store, after: int, ring: int) -> None:
    store.tell(part(alert("A", firing=False)), at(60))
    store.tick(at(960))
    known = store.incidents["uid0"]
    assert known.state is State.RESOLVED
    told = part(alert("A", starts=4000))
    assert rung(told, known, after=after) == [("alice", ring)]
    store.tell(told, at(after))
    pages = emergency_pages(told, known, POLICY, at(after))
    assert {page.key for page in pages} <= {page.key for one in store.incidents.values() for page in one.pages}


def test_firing_again_it_is_rung_under_the_key_that_the_store_would_give(store: Store) -> None:
    store.tell(part(alert("A", firing=False)), at(60))
    told = part(alert("A", starts=200), released=True)
    pages = emergency_pages(told, store.incidents["uid0"], POLICY, at(210))
    assert [page.person for page in pages] == ["alice"]
    store.tell(told, at(215), adopted=pages)
    assert [page.key for page in store.incidents["uid0"].unanswered] == [page.key for page in pages]


def test_firing_again_acknowledged_nobody_is_rung(store: Store) -> None:
    store.tell(part(alert("A", firing=False)), at(60))
    known = store.incidents["uid0"].model_copy(update={"resume": State.ACKNOWLEDGED})
    assert rung(part(alert("A", starts=200)), known, after=210) == []


def test_a_page_of_an_emergency_is_adopted_with_its_ring(store: Store) -> None:
    told = part(alert("A"), DOWN, released=True)
    pages = emergency_pages(told, store.incidents["uid0"], POLICY, at(5))
    store.tell(told, at(10), adopted=pages)
    people = [(page.person, page.step) for page in store.incidents["uid0"].pages]
    assert people == [("alice", "opened"), ("lead", "emergency")]
