"""A Slack user group that always contains the person on call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from receiver.model.incident.event import Actor, ActorKind
from tests.stories.world import PushedClock, World

BOSS = Actor(kind=ActorKind.API, name="boss")
HANDOFF = datetime(2026, 11, 23, 9, tzinfo=UTC)


async def opened(world: World, replicas: int = 2) -> None:
    """Open some minutes before the hand-off from Carol to Alice, with a group for the primary schedule."""
    world.clock = PushedClock(HANDOFF - timedelta(minutes=2))
    world.slack.groups["S0ONCALL"] = ["U0NOBODY"]
    await world.open(replicas)
    for replica in world.replicas:
        directory = replica.config.directory
        primary = directory.schedules["primary"].model_copy(update={"user_groups": {"chat": "S0ONCALL"}})
        schedules = {**replica.config.schedules, "primary": primary}
        replica.apply(replica.config.model_copy(update={"schedules": schedules}))
    await world.quiet()


def updates(world: World) -> int:
    """Return how often the group was set."""
    return sum(entry["path"].endswith("usergroups.users.update") for entry in world.slack.taken)


async def test_it_follows_the_rotation_and_is_set_once_each(world: World) -> None:
    await opened(world)
    assert world.slack.groups["S0ONCALL"] == ["U0CAROL"]
    await world.forward("3m")
    assert world.slack.groups["S0ONCALL"] == ["U0ALICE"]
    await world.forward("30m")
    assert updates(world) == 2


async def test_it_follows_an_override(world: World) -> None:
    await opened(world, 1)
    now = world.clock.now()
    await world.one.overrides.override("primary", "bob", None, now + timedelta(hours=1), BOSS, now)
    await world.forward("6m")
    assert world.slack.groups["S0ONCALL"] == ["U0BOB"]


async def test_what_slack_refuses_is_tried_again(world: World) -> None:
    world.slack.refused["usergroups.users.update"] = "internal_error"
    await opened(world, 1)
    await world.forward("3m")
    assert world.slack.groups["S0ONCALL"] == ["U0NOBODY"]
    del world.slack.refused["usergroups.users.update"]
    await world.forward("2m")
    assert world.slack.groups["S0ONCALL"] == ["U0ALICE"]
