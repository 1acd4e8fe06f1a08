"""A new alert joins an acknowledged incident."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from receiver.model.base import rfc3339
from receiver.model.command import Acknowledge, AddNote
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.state import State
from receiver.model.severity_policy import NewAlert
from tests.stories.test_escalation import ALICE, HIGH
from tests.stories.world import World, alert, notification

pytestmark = pytest.mark.killed_in_turn

ONE = "INC-2026-0001"


async def acknowledged(world: World, mode: NewAlert | None = None, by: Actor = ALICE) -> None:
    """Open a SEV-2 that is acknowledged at once; `mode` as configured."""
    one = (await world.open()).one
    incidents = one.config.incidents.model_copy(update={"new_alert_while_acknowledged": mode})
    one.apply(one.config.model_copy(update={"incidents": incidents}))
    await world.post(notification(alert("Broken", **HIGH)))
    await world.one.respond.act(ONE, Acknowledge(), by, world.clock.now())
    await world.quiet()


async def joins(world: World, *names: str, **more: Any) -> None:
    """Let further alerts of the group begin now."""
    fresh = [alert(name, starts=rfc3339(world.clock.now()), **{**HIGH, **more}) for name in names]
    await world.post(notification(alert("Broken", **HIGH), *fresh))


def said(world: World) -> list[str]:
    """Return the replies in the thread that mention Alice."""
    replies = [str(one["blocks"]) for one in world.slack.messages if "thread_ts" in one]
    return [text for text in replies if "U0ALICE" in text]


async def test_soon_after_the_acknowledgement_it_is_told_in_chat(world: World) -> None:
    await acknowledged(world)
    await world.forward("9m")
    await joins(world, "Slow")
    assert world.rung() == ["alice"]
    (told,) = said(world)
    assert "1 joined: Slow" in told


async def test_later_the_pager_is_notified_again_with_the_names_of_all_new_alerts(world: World) -> None:
    await acknowledged(world)
    await world.forward("11m")
    await joins(world, "Slow", "Queue")
    assert world.rung() == ["alice", "alice"]
    first, second = world.pagerduty.alerts.values()
    assert (first["status"], second["status"]) == ("acknowledged", "triggered"), "the acknowledged page is unchanged"
    assert "new alerts: Queue, Slow" in second["payload"]["summary"] or "Slow, Queue" in second["payload"]["summary"]
    assert len(said(world)) >= 1
    (incident,) = await world.incidents()
    assert (incident.state, incident.answer_by) == (State.ACKNOWLEDGED, world.clock.now() + timedelta(minutes=15))


async def test_without_an_answer_the_acknowledgement_expires_and_the_escalation_goes_on(world: World) -> None:
    await acknowledged(world)
    await world.forward("11m")
    await joins(world, "Slow")
    await world.forward("14m")
    assert ((await world.incidents())[0].state, world.rung()) == (State.ACKNOWLEDGED, ["alice", "alice"])
    await world.forward("2m")
    (incident,) = await world.incidents()
    assert (incident.state, incident.answer_by, world.rung()) == (State.OPEN, None, ["alice"] * 3)
    await world.forward("15m")
    assert {"bob", "eng-lead"} <= set(world.rung())


@pytest.mark.parametrize("command", [Acknowledge(), AddNote(text="on it")])
async def test_whatever_somebody_does_is_an_answer(world: World, command: Any) -> None:
    await acknowledged(world)
    await world.forward("11m")
    await joins(world, "Slow")
    await world.one.respond.act(ONE, command, ALICE, world.clock.now())
    await world.forward("20m")
    assert ((await world.incidents())[0].state, world.rung()) == (State.ACKNOWLEDGED, ["alice", "alice"])


async def test_at_most_once_in_15_minutes_and_then_of_all_that_came_meanwhile(world: World) -> None:
    await acknowledged(world)
    await world.forward("11m")
    await joins(world, "Slow")
    await world.one.respond.act(ONE, AddNote(text="on it"), ALICE, world.clock.now())
    await world.forward("2m")
    await joins(world, "Slow", "Queue")
    await world.forward("2m")
    await joins(world, "Slow", "Queue", "Disk")
    assert world.rung() == ["alice", "alice"]
    await world.forward("10m")
    assert world.rung() == ["alice", "alice"]
    await world.forward("2m")
    assert world.rung() == ["alice"] * 3
    newest = list(world.pagerduty.alerts.values())[-1]
    assert "new alerts: Queue, Disk" in newest["payload"]["summary"]
    assert [one["status"] for one in world.pagerduty.alerts.values()].count("triggered") == 1, "only the newest one"


async def test_more_severe_than_all_before_it_notifies_at_once(world: World) -> None:
    await acknowledged(world)
    await world.forward("1m")
    await joins(world, "Everything", labels={"scope": "all_users"}, annotations={"error_rate": "61%"})
    assert sorted(world.rung()) == ["alice", "alice", "eng-lead"]


async def test_one_that_comes_again_is_no_new_alert(world: World) -> None:
    await acknowledged(world)
    await joins(world, "Slow")
    await world.forward("1m")
    await world.post(notification(alert("Broken", **HIGH), alert("Slow", firing=False, **HIGH)))
    await world.forward("11m")
    await joins(world, "Slow")
    assert world.rung() == ["alice"]


async def test_by_somebody_whom_the_configuration_does_not_know(world: World) -> None:
    await acknowledged(world, by=Actor(kind=ActorKind.PAGERDUTY, name="Alice Somebody"))
    await world.forward("11m")
    await joins(world, "Slow")
    assert world.rung() == ["alice", "alice"], "whose page was acknowledged"


@pytest.mark.parametrize(("mode", "mentions"), [(NewAlert.NOTIFY, 1), (NewAlert.IGNORE, 0)])
async def test_as_configured_it_stops_at_chat_or_at_nothing(world: World, mode: NewAlert, mentions: int) -> None:
    await acknowledged(world, mode)
    await world.forward("11m")
    await joins(world, "Slow")
    await world.forward("20m")
    assert (world.rung(), len(said(world))) == (["alice"], mentions)


async def test_ended_and_back_again_it_is_notified_as_what_nobody_has_answered(world: World) -> None:
    await acknowledged(world)
    await world.forward("11m")
    await joins(world, "Slow")
    over = [alert("Broken", firing=False, **HIGH), alert("Slow", firing=False, starts="2026-11-23T14:13:20Z", **HIGH)]
    await world.post(notification(*over))
    assert [one["status"] for one in world.pagerduty.alerts.values()] == ["acknowledged", "resolved"]
