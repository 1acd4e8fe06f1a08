"""A removed channel still has pending deliveries: they are given up with a reason."""

from __future__ import annotations

from receiver.model.command import Acknowledge
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.pipeline.delivery.dead_letters import DeadLetters, dead_letter_id
from receiver.replica import Replica
from tests.fakes import Answer
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")
DOWN = Answer(status=503)
GONE = "channel pager is no longer configured"


def without(replica: Replica, *names: str) -> None:
    """Remove channels from a replica's configuration, as a reload does."""
    left = {name: one for name, one in replica.config.channels.items() if name not in names}
    replica.apply(replica.config.model_copy(update={"channels": left}))


async def steps(world: World, seconds: int) -> None:
    """Move the clock in small steps, regardless of due work in lanes that the first replica does not know."""
    for _ in range(seconds // 5):
        world.clock.forward("5s")
        await world.quiet()


async def restart(world: World, *names: str) -> Replica:
    """End the only replica, and start one whose configuration lacks those channels."""
    old = world.replicas.pop()
    await old.settle()
    await old.close()
    fresh = await world.replica()
    without(fresh, *names)
    return fresh


async def test_a_page_of_a_removed_pager_uses_the_fallback_channel_and_is_a_dead_letter(world: World) -> None:
    await world.open()
    world.pagerduty.script.extend([DOWN] * 50)
    await world.post(notification(alert("AuthFailing")))
    await restart(world, "pager")
    world.pagerduty.script.clear()
    await steps(world, 120)
    (letter,) = (await world.one.due.letters.all()).values()
    assert (letter["detail"], letter["action"], letter["incident"]) == (GONE, "trigger", "INC-2026-0001")
    log = await world.one.incidents.events((await world.incidents())[0].uid)
    assert [event.reason for event in log if event.kind is Kind.PAGE_FAILED] == ["not_configured"]
    assert "<@U0ALICE>" in "".join(
        str(one["blocks"]) for one in world.slack.messages if "cannot be reached" in str(one)
    )
    assert world.rung() == []


async def test_so_does_a_reload(world: World) -> None:
    await world.open()
    world.pagerduty.script.append(DOWN)
    await world.post(notification(alert("AuthFailing")))
    without(world.one, "pager")
    await steps(world, 90)
    log = await world.one.incidents.events((await world.incidents())[0].uid)
    assert [event.kind for event in log if event.kind in (Kind.PAGE_FAILED, Kind.SECOND_ROAD)] == [
        Kind.PAGE_FAILED,
        Kind.SECOND_ROAD,
    ]
    assert len(await world.one.due.letters.all()) == 1


async def test_a_page_outside_any_incident_too(world: World) -> None:
    await world.open()
    world.pagerduty.script.extend([DOWN] * 50)
    await world.quiet()
    world.slack.script.extend([DOWN] * 50)
    await world.one.calls.page("backend-oncall", "come", ALICE, world.clock.now())
    await restart(world, "pager")
    world.slack.script.clear()
    await steps(world, 120)
    assert [one["detail"] for one in (await world.one.due.letters.all()).values()] == [GONE]
    assert "<@U0ALICE>" in str([one["blocks"] for one in world.slack.messages if "come (from alice)" in str(one)])


async def test_a_resolve_that_cannot_go_out_is_said_and_goes_once_the_channel_is_back(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    assert world.rung() == ["alice"]
    config = world.one.config
    without(world.one, "pager")
    await steps(world, 120)
    assert await world.one.due.letters.all() == {}, "nothing is pending"
    await world.post(notification(alert("AuthFailing", firing=False)))
    await steps(world, 1200)
    (member,) = (letters := await world.one.due.letters.all())
    assert (letters[member]["action"], letters[member]["detail"]) == ("resolve", GONE)
    assert world.sent("resolve") == []
    world.one.apply(config)
    await world.quiet()
    desk = DeadLetters(lambda: world.one.setting, world.one.due, lambda: world.one.config.off)
    await desk.replay(dead_letter_id(member), world.clock.now())
    await world.quiet()
    assert world.sent("resolve") == world.sent("trigger")


async def test_a_message_is_given_up_with_its_incident(world: World) -> None:
    await world.open()
    world.slack.script.extend([DOWN] * 50)
    await world.post(notification(alert("AuthFailing")))
    await restart(world, "chat")
    await steps(world, 1200)
    (letter,) = (await world.one.due.letters.all()).values()
    detail = "channel chat is no longer configured"
    assert (letter["channel"], letter["incident"], letter["detail"]) == ("chat", "INC-2026-0001", detail)


async def test_while_another_replica_knows_the_channel_it_is_left_to_it(world: World) -> None:
    await world.open(2)
    world.pagerduty.script.append(DOWN)
    await world.post(notification(alert("AuthFailing")), to=1)
    without(world.one, "pager")
    await steps(world, 300)
    assert world.rung() == ["alice"]
    # The replica without the pager decides, and the other one sends.
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.quiet()
    assert world.sent("acknowledge") == world.sent("trigger")
    assert await world.one.due.letters.all() == {}


async def test_nothing_is_given_up_because_nobody_could_say_anything_for_a_while(world: World) -> None:
    await world.open(2)
    world.pagerduty.script.extend([DOWN] * 50)
    await world.post(notification(alert("AuthFailing")), to=1)
    without(world.one, "pager")
    await steps(world, 90)
    # As if the store had been unavailable, or the machine suspended; the replica without the pager checks first.
    world.clock.forward("10m")
    await world.quiet()
    world.pagerduty.script.clear()
    await steps(world, 60)
    assert await world.one.due.letters.all() == {}
    assert world.rung() == ["alice"]


async def test_a_short_restart_gives_nothing_up(world: World) -> None:
    await world.open()
    world.pagerduty.script.extend([DOWN] * 3)
    await world.post(notification(alert("AuthFailing")))
    without(world.one, "pager")
    await steps(world, 40)
    assert await world.one.due.letters.all() == {}
    await world.replica()
    await steps(world, 120)
    assert world.rung() == ["alice"]
    assert await world.one.due.letters.all() == {}


async def test_an_acknowledged_page_is_no_dead_letter(world: World) -> None:
    await world.open()
    world.pagerduty.script.extend([DOWN] * 50)
    await world.post(notification(alert("AuthFailing")))
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    without(world.one, "pager")
    await steps(world, 180)
    found = await world.one.due.letters.all()
    assert {one["action"] for one in found.values()} <= {"acknowledge"}
    log = await world.one.incidents.events((await world.incidents())[0].uid)
    assert Kind.PAGE_FAILED not in {event.kind for event in log}


async def test_many_are_given_up_at_once(world: World) -> None:
    await world.open()
    await world.quiet()
    world.slack.script.extend([DOWN] * 500)
    for number in range(60):
        await world.one.calls.page("backend-oncall", f"come {number}", ALICE, world.clock.now())
    world.pagerduty.script.extend([DOWN] * 500)
    without(world.one, "pager")
    await steps(world, 180)
    async with world.one.connection.guarded() as client:
        assert await client.zcard(world.one.due.keys.due("pager!")) == 0
        assert await client.zcard(world.one.due.keys.due("pager")) == 0
