"""`/page @x "text"`: who is paged, who gets a message, and how often one caller can page."""

from __future__ import annotations

from typing import Any

from receiver.model.command import Acknowledge, PageContact
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.state import State
from tests.stories.world import World, alert, notification

ONE = "INC-2026-0001"
ALICE, BOB, CAROL = (Actor(kind=ActorKind.SLACK, name=name) for name in ("alice", "bob", "carol"))


async def call(world: World, contact: str = "on-call", by: Actor = BOB, text: str = "the queue grows") -> Any:
    """Page a contact into the incident, and return the events."""
    done = await world.one.respond.act(ONE, PageContact(contact=contact, text=text), by, world.clock.now())
    await world.quiet()
    return [(event.kind, event.reason) for event in done.events]


def open_pages(world: World) -> list[str]:
    return [key for (_, key), one in world.pagerduty.alerts.items() if one["status"] == "triggered"]


def told(world: World) -> str:
    return "\n".join(str(one.get("blocks")) for one in world.slack.messages)


async def test_somebody_who_was_paged_and_has_not_acknowledged_is_notified_again(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    await world.forward("2m")
    assert world.rung() == ["alice"]
    await call(world)
    assert world.rung() == ["alice", "alice"]
    first, second = world.sent()
    assert world.sent("resolve") == [first], "the new page replaces the previous one"
    assert open_pages(world) == [second]
    (sent,) = [one["body"] for one in world.pagerduty.taken if one["body"]["dedup_key"] == second]
    assert "bob: the queue grows" in sent["payload"]["summary"]
    await world.one.respond.act(ONE, Acknowledge(), ALICE, world.clock.now())
    await world.forward("1m")
    assert open_pages(world) == []


async def test_one_caller_pages_one_person_at_most_once_a_minute(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    assert ("page", "called") in await call(world)
    await world.forward("30s")
    assert await call(world) == [("note", "page"), ("page_passed", "just_paged")]
    assert world.rung() == ["alice"] * 2
    await call(world, by=CAROL)
    assert world.rung() == ["alice"] * 3, "another caller can page"
    await call(world, "cto")
    assert world.rung() == [*["alice"] * 3, "cto"], "and so can the same caller for another person"
    await world.forward("30s")
    assert ("page", "called") in await call(world)
    assert world.rung() == [*["alice"] * 3, "cto", "alice"]


async def test_somebody_who_has_acknowledged_gets_a_message(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    await world.one.respond.act(ONE, Acknowledge(), ALICE, world.clock.now())
    await world.forward("2m")
    assert await call(world, text="are you on it?") == [("note", "page")]
    assert world.rung() == ["alice"]
    assert "are you on it?" in told(world)
    assert "<@U0ALICE>" in [str(one) for one in world.slack.messages if "are you on it?" in str(one)][-1]
    (incident,) = await world.incidents()
    assert incident.state is State.ACKNOWLEDGED


async def test_a_person_who_was_paged_where_another_has_acknowledged_is_notified_again(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    await world.one.respond.act(ONE, Acknowledge(), BOB, world.clock.now())
    await world.forward("2m")
    await call(world, by=BOB, text="I need you")
    assert world.rung() == ["alice", "alice"]
    assert open_pages(world) == [world.sent()[-1]]
    (incident,) = await world.incidents()
    assert incident.state is State.ACKNOWLEDGED, "nobody else is paged for that"


async def test_without_a_chat_the_person_who_has_acknowledged_is_paged(world: World) -> None:
    await world.open(SLACK_BOT_TOKEN="")
    await world.post(notification(alert("AuthFailing")))
    await world.one.respond.act(ONE, Acknowledge(), ALICE, world.clock.now())
    await world.forward("2m")
    await call(world)
    assert world.rung() == ["alice", "alice"]


async def test_outside_any_incident_too_one_caller_is_heard_once_a_minute(world: World) -> None:
    await world.open(replicas=2)

    async def ask(by: Actor, replica: int = 0, once: str | None = None) -> tuple[list[str], list[str]]:
        calls = world.replicas[replica].calls
        called = await calls.page("backend-oncall", "come", by, world.clock.now(), once=once, what="x")
        await world.quiet()
        return [page.person for page in called.pages], list(called.just_paged)

    assert await ask(BOB, once="first") == (["alice"], [])
    assert await ask(BOB, once="first") == (["alice"], []), "the same request gets the same response"
    assert await ask(BOB, 1, once="second") == ([], ["alice"])
    assert await ask(CAROL, 1) == (["alice"], [])
    assert world.rung() == ["alice"] * 2
    await world.forward("1m")
    assert await ask(BOB, 1, once="second") == (["alice"], []), "a refused request may be repeated"
    assert world.rung() == ["alice"] * 3
