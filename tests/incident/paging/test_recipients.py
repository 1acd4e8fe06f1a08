"""Who is paged, who is notified, and with which key."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.incident.paging.page_keys import KEY_LIMIT, page_key
from receiver.incident.paging.page_responders import told_text
from receiver.incident.paging.planned_pages import SkippedRecipient, episode_of, page_destination, pagers_of, plan_pages
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.recipients import find_informed, find_recipients
from receiver.incident.publication.status_updates import published_where
from receiver.model.incident.event import Destination
from receiver.model.incident.page import Page
from receiver.model.oncall.schedule_settings import Person
from tests.incident.fixtures import DIRECTORY, KEYS, NOW, POLICY, Store, alert, part, policy

FALLBACK = ("lead",)
"""The contacts of the severity: they are paged if a reload has removed a contact."""


def called(
    *contacts: str, ring: int = 1, paged: tuple[Page, ...] = (), now: datetime = NOW, rules: Policy = POLICY
) -> tuple[list[Page], list[SkippedRecipient]]:
    wanted = find_recipients(rules, contacts, now, FALLBACK)
    return plan_pages(rules, wanted, key="key", episode=7, ring=ring, paged=paged, step="opened", now=now)


def test_a_page_is_frozen_with_person_address_and_key() -> None:
    (page,), passed = called("on-call")
    assert passed == []
    assert page == Page(
        key="receiver/key/7/alice/1", channel="pager", person="alice", contact="on-call", address=KEYS["alice"],
        step="opened", ring=1, at=NOW, number=1,
    )  # fmt: skip


def test_who_is_on_call_depends_on_the_moment() -> None:
    (page,), _ = called("on-call", now=NOW + timedelta(days=7))
    assert page.person == "bob"


def test_nobody_rings_twice_for_two_contacts() -> None:
    made, passed = called("on-call", "team")
    assert [page.person for page in made] == ["alice", "lead"]
    assert passed == [SkippedRecipient("team", "alice", "already_paged")]


def test_nobody_rings_twice_in_one_ring_and_again_in_the_next() -> None:
    first, _ = called("on-call")
    assert called("on-call", paged=tuple(first)) == ([], [SkippedRecipient("on-call", "alice", "already_paged")])
    (again,), _ = called("on-call", ring=2, paged=tuple(first))
    assert again.key != first[0].key


def test_who_has_no_address_is_named() -> None:
    made, passed = called("executives", "lead")
    assert [page.person for page in made] == ["lead"]
    assert passed == [
        SkippedRecipient("executives", "boss", "unreachable"),
        SkippedRecipient("executives", "cto", "unreachable"),
    ]


def test_without_any_pager_nobody_is_reached() -> None:
    everybody = [SkippedRecipient("on-call", "alice", "unreachable"), SkippedRecipient("on-call", "bob", "unreachable")]
    assert called("on-call", rules=policy(pagers=())) == ([], everybody)


def test_the_backup_stands_in_for_somebody_who_cannot_be_reached() -> None:
    people = {**DIRECTORY.people, "alice": Person(name="Alice")}
    made, passed = called("on-call", rules=policy(directory=replace(DIRECTORY, people=people)))
    assert [(page.person, page.contact) for page in made] == [("bob", "on-call")]
    assert passed == [SkippedRecipient("on-call", "alice", "unreachable")]


def test_with_two_pagers_one_person_rings_on_both_under_one_key() -> None:
    both = {"name": "Alice", "pager": "a" * 32, "second": "b" * 32}
    people = {**DIRECTORY.people, "alice": Person.model_validate(both)}
    rules = policy(
        directory=replace(DIRECTORY, people=people), pagers=(("pager", "pagerduty"), ("second", "pagerduty"))
    )
    made, _ = called("on-call", rules=rules)
    assert [(page.channel, page.address) for page in made] == [("pager", "a" * 32), ("second", "b" * 32)]
    assert len({page_destination(page) for page in made}) == 2


def test_a_contact_that_a_reload_removed_gives_way_to_those_of_the_severity() -> None:
    made, passed = called("gone")
    assert [(page.person, page.contact) for page in made] == [("lead", "gone")]
    assert passed == [SkippedRecipient("gone", None, "unknown_contact")]


def test_the_address_of_a_page_is_no_part_of_where_it_goes() -> None:
    (page,), _ = called("on-call")
    assert page_destination(page).model_dump() == {
        "channel": "pager",
        "address": page.key,
        "paging": True,
        "personal": False,
    }
    assert KEYS["alice"] not in repr(page_destination(page))


@given(st.text(), st.text(), st.integers(0), st.text(), st.integers(1))
def test_a_page_key_always_fits(namespace: str, key: str, episode: int, person: str, ring: int) -> None:
    made = page_key(namespace, key, episode, person, ring)
    assert 1 <= len(made) <= KEY_LIMIT
    assert made == page_key(namespace, key, episode, person, ring)


LONG = "p" * 300
ONE = ("ns", "key", 1, "alice", 1)


@pytest.mark.parametrize(
    "other",
    [("n2", *ONE[1:]), ("ns", "other", 1, "alice", 1), ("ns", "key", 2, "alice", 1), ("ns", "key", 1, "bob", 1),
     ("ns", "key", 1, "alice", 2), ("ns", "key", 1, LONG, 1), ("ns", "key", 1, LONG, 2)],
)  # fmt: skip
def test_every_part_of_a_page_key_counts(other: tuple[str, str, int, str, int]) -> None:
    assert page_key(*other) != page_key(*ONE)
    assert page_key("ns", "key", 1, LONG, 1) != page_key("ns", "key", 1, LONG, 2)


def test_an_episode_begins_with_the_earliest() -> None:
    first, second = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    assert episode_of([second, first]) == 1_767_225_600_000
    assert episode_of([]) == 0


def test_who_was_paged_or_told_is_not_told_again() -> None:
    store = Store()
    store.tell(part(alert("A")), NOW)
    incident = store.incidents["uid0"]
    assert find_informed(POLICY, ("lead",), incident, NOW) == ()
    assert find_informed(POLICY, ("executives",), incident, NOW) == ("boss", "cto")
    assert find_informed(POLICY, ("on-call",), incident, NOW) == ()
    assert find_informed(POLICY, ("on-call",), incident, NOW + timedelta(days=7)) == ("bob",)


def test_a_resolve_goes_to_every_key_of_every_ring() -> None:
    store = Store()
    store.tell(part(alert("A")), NOW)
    incident = store.incidents["uid0"]
    (again,), _ = called("lead", ring=2)
    both = incident.model_copy(update={"pages": (*incident.pages, again)})
    assert pagers_of(both) == (page_destination(incident.pages[0]), page_destination(again))


def test_what_is_said_of_informed_people_names_those_that_no_channel_reaches() -> None:
    log = Destination(channel="console", address="log")
    quiet = replace(POLICY, informs=(log,), mute=frozenset({"console"}), letters=())
    assert told_text(replace(POLICY, informs=(log,), mute=frozenset()), ("boss",)) == "notified: boss"
    assert told_text(quiet, ("boss", "cto")) == "no channel reaches boss, cto; the notice is in the log"
    nothing = replace(quiet, informs=())
    assert told_text(nothing, ("boss",)) == "no channel reaches boss"


def test_an_update_says_that_only_the_built_in_page_shows_it() -> None:
    assert published_where(replace(POLICY, public=())) == "published on the built-in status page only"
    assert published_where(replace(POLICY, public=(Destination(channel="status", address="page"),))) == "published"
