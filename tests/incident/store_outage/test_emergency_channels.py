"""The channels that page a person without the store: those whose vendor deduplicates by key come first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from receiver.incident.paging.policy import Policy
from receiver.incident.store_outage.emergency_pages import emergency_pages, sent_without_store, storm_pages
from receiver.model.incident.page import Page
from receiver.model.oncall.schedule_settings import Person
from receiver.model.severity import Severity
from tests.incident.fixtures import NOW, POLICY, Store, alert, at, part

KEYED, MUTE = frozenset({"pager", "push", "log"}), frozenset({"log"})
DOWN = alert("Down", worst=1)


def pages(*roads: str) -> list[Page]:
    """Return the pages of each person with the same key, as `alice:sms`."""
    named = [road.partition(":") for road in roads]
    return [
        Page(
            key=f"key of {who}", channel=channel, person=who, contact="c", address="a", step="emergency", ring=1, at=NOW
        )
        for who, _, channel in named
    ]


@pytest.mark.parametrize(
    ("roads", "sent"),
    [
        (["alice:pager"], ["alice:pager"]),
        (["alice:sms"], ["alice:sms"]),
        (["alice:sms", "alice:voice"], ["alice:sms"]),
        (["alice:sms", "alice:pager"], ["alice:pager"]),
        (["alice:sms", "alice:push", "alice:pager"], ["alice:push", "alice:pager"]),
        (["alice:sms", "bob:sms", "bob:pager", "alice:voice"], ["alice:sms", "bob:pager"]),
        (["alice:log"], ["alice:log"]),
        (["alice:log", "alice:sms"], ["alice:log", "alice:sms"]),
        (["alice:log", "alice:sms", "alice:pager"], ["alice:log", "alice:pager"]),
        ([], []),
    ],
)
def test_of_each_person_those_with_a_key_else_the_first(roads: Sequence[str], sent: list[str]) -> None:
    assert [f"{page.person}:{page.channel}" for page in sent_without_store(pages(*roads), KEYED, MUTE)] == sent


def with_roads(*roads: str) -> Policy:
    """Return a policy in which each person has an address on these channels, in this order."""
    people = {
        name: Person.model_validate({**person.model_dump(), "addresses": dict.fromkeys(roads, f"address of {name}")})
        for name, person in POLICY.directory.people.items()
    }
    return replace(
        POLICY, directory=replace(POLICY.directory, people=people), pagers=tuple((road, road) for road in roads),
        keyed=KEYED, mute=MUTE,
    )  # fmt: skip


def test_emergency_pages_and_those_of_a_storm_go_by_them() -> None:
    policy = with_roads("sms", "pager", "push")
    for made in (
        emergency_pages(part(DOWN), None, policy, NOW),
        storm_pages(Severity.SEV1, policy, NOW, NOW),
    ):
        assert [(page.person, page.channel) for page in made] == [
            (who, channel) for who in ("alice", "lead") for channel in ("pager", "push")
        ]


def test_each_of_several_channels_is_paged_once_and_recorded() -> None:
    policy = with_roads("pager", "push")
    sent = emergency_pages(part(DOWN), None, policy, NOW)
    assert len({page.key for page in sent}) == 2, "one key per person, regardless of the channel"
    assert emergency_pages(part(DOWN), None, policy, NOW, sent[:3]) == sent[3:]
    store = Store(policy)
    store.tell(part(DOWN, released=True), at(10), adopted=sent)
    (incident,) = store.incidents.values()
    assert {(page.person, page.channel) for page in incident.pages} == {(page.person, page.channel) for page in sent}
