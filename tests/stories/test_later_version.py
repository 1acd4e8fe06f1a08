"""Data of a later version: readable pages are sent, and rows that cannot be sent are given up and reported."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.model.base import rfc3339
from receiver.model.incident.state import State
from receiver.store.client.connection import IncidentUnreadable
from tests.fakes import Answer
from tests.stories.later_version_data import (
    NEW_PAGES,
    NEW_SEVERITY,
    NEW_STATE,
    UNREADABLE,
    rewrite,
    rewrite_row,
    row,
    rows_of,
)
from tests.stories.world import World, alert, notification

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}
DOWN = Answer(status=503)
AGAIN = notification(alert(annotations={"error_rate": "7.9%"}))


async def opened(world: World, *, down: bool = False) -> Any:
    """Open a SEV-2 and return it; `down`: its page does not get through at first."""
    await world.open()
    world.pagerduty.script.extend([DOWN] if down else [])
    await world.post(notification(alert(**HIGH)))
    (incident,) = await world.incidents()
    return incident


@pytest.mark.parametrize("change", UNREADABLE, ids=str)
async def test_a_page_of_an_incident_that_cannot_be_read_is_sent(world: World, change: dict[str, Any] | str) -> None:
    incident = await opened(world, down=True)
    await rewrite(world, incident, change)
    await world.forward("30s")
    assert world.rung() == ["alice"]
    (page,) = world.pagerduty.alerts.values()
    assert incident.id in page["payload"]["summary"], "it says where to look"
    await world.forward("2m")
    assert (world.rung(), await world.one.due.letters.all()) == (["alice"], {})


async def test_it_says_what_can_be_read_and_pages_as_the_worst_where_nothing_can(world: World) -> None:
    incident = await opened(world, down=True)
    await rewrite(world, incident, NEW_SEVERITY)
    await world.forward("30s")
    (page,) = world.pagerduty.alerts.values()
    assert page["payload"]["severity"] == "critical"
    assert "HighErrorRate" in page["payload"]["summary"]


@pytest.mark.parametrize("more", [{"hushed": 99}, {"ring": 2}, {"state": "resolved"}])
async def test_whoever_has_answered_by_then_is_not_paged(world: World, more: dict[str, Any]) -> None:
    incident = await opened(world, down=True)
    await rewrite(world, incident, NEW_STATE | {"decision": None} | more)
    await world.forward("5m")
    assert (world.rung(), world.pagerduty.open()) == ([], [])


async def test_what_is_over_pages_nobody(world: World) -> None:
    incident = await opened(world, down=True)
    await rewrite(world, incident, NEW_STATE)
    async with world.one.connection.guarded() as client:
        await client.zrem(world.one.incidents.keys.named("open"), incident.uid)
    await world.forward("5m")
    assert (world.rung(), world.pagerduty.open()) == ([], [])


async def test_a_pager_that_stays_away_calls_its_person_another_way(world: World) -> None:
    await world.open()
    world.pagerduty.script.extend([DOWN] * 40)
    await world.post(notification(alert(**HIGH)))
    (incident,) = await world.incidents()
    await rewrite(world, incident, NEW_STATE)
    await world.forward("1m")
    said = [str(one) for one in world.slack.messages if "cannot be reached" in str(one)]
    assert len(said) == 1, "by the fallback channel, once"
    assert incident.id in said[0]
    assert not world.one.monitor.away, "the store is not the cause"
    world.pagerduty.script.clear()
    await world.forward("1m")
    assert world.rung() == ["alice"], "and the page is still retried"


async def test_what_cannot_be_sent_is_parked_on_the_fifth_try(world: World) -> None:
    incident = await opened(world)
    (member,) = await rows_of(world, incident, "chat")
    await rewrite(world, incident, NEW_STATE)
    await rewrite_row(world, member, last="9")
    await world.one.due.seed(f"{incident.uid} of_tomorrow", 0)
    async with world.one.connection.guarded() as client:
        await client.zadd(world.one.incidents.keys.due("chat"), {member: world.clock.now().timestamp() * 1000})
    await world.forward("30s")
    (letter,) = (await world.one.due.letters.all()).values()
    assert (letter["channel"], letter["reason"], letter["attempts"]) == ("chat", "spoiled", 5)


async def test_a_page_of_which_nothing_can_be_read_is_parked_as_well(world: World) -> None:
    incident = await opened(world, down=True)
    (member,) = await rows_of(world, incident, "pager")
    await rewrite(world, incident, NEW_STATE | NEW_PAGES)
    # A key that is too long for the vendor is a hash, which does not contain the person.
    await rewrite_row(world, member, to='{"channel":"pager","address":"%s","paging":true}' % ("f" * 64))
    await world.forward("1m")
    (letter,) = (await world.one.due.letters.all()).values()
    assert (letter["channel"], letter["reason"], letter["attempts"]) == ("pager", "spoiled", 5)
    assert world.rung() == []


async def test_a_row_that_cannot_be_read_is_a_page_all_the_same(world: World) -> None:
    incident = await opened(world, down=True)
    (member,) = await rows_of(world, incident, "pager")
    await rewrite_row(world, member, to='{"whom": "alice"}', memory="of tomorrow")
    await world.forward("30s")
    assert world.rung() == ["alice"]
    left = await row(world, member)
    assert (left["to"], left["memory"]) == ('{"whom": "alice"}', "of tomorrow"), "it still belongs to the later version"
    await world.forward("5m")
    assert world.rung() == ["alice"]


async def test_a_message_whose_row_cannot_be_read_is_parked_on_the_fifth_try(world: World) -> None:
    incident = await opened(world)
    (member,) = await rows_of(world, incident, "chat")
    before = len(world.slack.messages)
    await rewrite_row(world, member, to="of tomorrow", last="9")
    async with world.one.connection.guarded() as client:
        await client.zadd(world.one.incidents.keys.due("chat"), {member: world.clock.now().timestamp() * 1000})
    await world.forward("30s")
    (letter,) = (await world.one.due.letters.all()).values()
    assert (letter["id"], letter["reason"], letter["attempts"]) == (member, "spoiled", 5)
    assert len(world.slack.messages) == before


async def test_a_message_about_the_service_whose_row_cannot_be_read_is_parked_too(world: World) -> None:
    await world.open()
    member = "- chat of-tomorrow"
    async with world.one.connection.guarded() as client:
        keys = world.one.incidents.keys
        fields = {"uid": "", "lane": "chat", "to": "of tomorrow", "last": "1", "memory": "of tomorrow"}
        await client.hset(keys.row(member), mapping=fields)
        await client.zadd(keys.due("chat"), {member: world.clock.now().timestamp() * 1000})
    await world.forward("30s")
    (letter,) = (await world.one.due.letters.all()).values()
    assert (letter["id"], letter["reason"], letter["attempts"]) == (member, "spoiled", 5)
    assert world.slack.messages == []


@pytest.mark.parametrize("change", UNREADABLE, ids=str)
async def test_a_notification_for_it_opens_a_new_one_after_a_while(world: World, change: dict[str, Any] | str) -> None:
    incident = await opened(world)
    await rewrite(world, incident, change)
    assert (await world.post(notification(alert(**HIGH)))).foremost.outcome == "duplicate", "nothing is new in it"
    with pytest.raises(IncidentUnreadable):
        await world.post(AGAIN)
    await world.forward("10s")
    answer = await world.post(AGAIN)
    assert answer.foremost.outcome == "opened"
    (second,) = await world.incidents()
    assert (second.id, second.keys) == (answer.foremost.incident, incident.keys)
    assert [page.key for page in second.pages] == [page.key for page in incident.pages]
    assert world.pagerduty.rung == 1, "her page is open: the second trigger has the same key"
    await world.forward("16m")
    assert {"bob", "eng-lead"} <= set(world.rung()), "its escalation continues"


async def test_the_new_one_follows_its_alerts_to_their_end(world: World) -> None:
    incident = await opened(world)
    await rewrite(world, incident, NEW_STATE)
    over = notification(alert(firing=False, **HIGH))
    with pytest.raises(IncidentUnreadable):
        await world.post(over)
    await world.forward("1m")
    with pytest.raises(IncidentUnreadable):
        await world.post(over)  # nobody is paged for it: it waits for a replica that can read it
    with pytest.raises(IncidentUnreadable):
        await world.post(AGAIN)
    await world.forward("10s")
    await world.post(AGAIN)
    assert (await world.post(over)).foremost.outcome == "resolved"
    await world.forward("16m")
    (second,) = await world.incidents()
    assert (second.state, world.pagerduty.open()) == (State.RESOLVED, [])
    # The alert still belongs to the later version, and alerts that fire again join the readable incident.
    answer = await world.post(notification(alert(starts=rfc3339(world.clock.now()), **HIGH)))
    assert (answer.foremost.outcome, answer.foremost.incident) == ("reopened", second.id)


@pytest.mark.parametrize("change", ["{", {"decision": None}], ids=str)
async def test_one_that_is_over_is_left_alone_and_shares_no_page_key(
    world: World, change: dict[str, Any] | str
) -> None:
    incident = await opened(world)
    await world.post(notification(alert(firing=False, **HIGH)))
    await world.forward("16m")
    (ended,) = await world.incidents()
    assert ended.state is State.RESOLVED
    await rewrite(world, ended, change)
    other = alert("Else", firing=False, **HIGH)
    assert (await world.post(notification(other))).foremost.outcome == "ignored"
    with pytest.raises(IncidentUnreadable):
        await world.post(notification(alert("Slow", **HIGH)))
    await world.forward("10s")
    assert (await world.post(notification(alert("Slow", **HIGH)))).foremost.outcome == "opened"
    (second,) = await world.incidents()
    if change != "{":
        assert {page.key for page in second.pages}.isdisjoint(page.key for page in incident.pages)
    assert (world.rung(), len(world.pagerduty.open())) == (["alice", "alice"], 1)


async def test_what_is_asked_rarely_is_refused_as_the_first_time(world: World) -> None:
    incident = await opened(world)
    await rewrite(world, incident, NEW_STATE)
    for text in ("7.5%", "7.7%", "7.9%"):
        with pytest.raises(IncidentUnreadable):
            await world.post(notification(alert(annotations={"error_rate": text})))
        await world.forward("5m")
    assert len(await world.incidents()) == 0


async def test_what_is_held_and_cannot_be_read_holds_nothing_up(world: World) -> None:
    await opened(world)
    await world.post(notification(alert(firing=False, **HIGH)))
    await world.post(notification(alert(**HIGH)))  # with the startsAt of its own end
    async with world.one.connection.guarded() as client:
        key = world.one.incidents.keys.named("held")
        (group,) = await client.hkeys(key)
        await client.hset(key, group, '{"alerts": [{"of": "tomorrow"}]}')
    await world.post(notification(alert(starts=rfc3339(world.clock.now()), **HIGH)))
    (incident,) = await world.incidents()
    assert (incident.state, incident.firing) == (State.OPEN, 1)


async def test_an_actor_of_a_later_version_is_named(world: World) -> None:
    incident = await opened(world)
    connection = world.one.connection
    async with connection.guarded() as client:
        key = connection.keys.log(incident.uid)
        (first, *_) = await client.lrange(key, 0, 0)
        await client.rpush(key, first.replace('"kind":"alertmanager"', '"kind":"telegram"'))
    *_, read = await world.one.incidents.events(incident.uid)
    assert (read.kind, read.actor.kind, read.actor.name) == ("opened", "api", "incident.service")
