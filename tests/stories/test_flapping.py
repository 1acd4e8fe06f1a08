"""An alert that flaps: who is notified again and when, and where the number of repetitions is shown."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.model.base import rfc3339
from receiver.model.command import Acknowledge, Edit
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from tests.stories.world import World, alert, notification

pytestmark = pytest.mark.killed_in_turn

NAME = "AuthFailing"
ALICE = Actor(kind=ActorKind.API, name="alice")


async def fires(world: World, **more: object) -> None:
    """Let the alert begin now."""
    await world.post(notification(alert(NAME, starts=rfc3339(world.clock.now()), **more)))


async def ends(world: World, after: str = "3m", **more: object) -> None:
    """Let the newest alert end `after` its beginning."""
    began = world.clock.now()
    await world.forward(after)
    over: dict[str, Any] = {"starts": rfc3339(began), "ends": rfc3339(world.clock.now()), "firing": False}
    await world.post(notification(alert(NAME, **over, **more)))


async def swing(world: World, times: int, spell: str = "3m") -> None:
    """Let the alert end and begin again, with a pause each time."""
    for _ in range(times):
        await ends(world, spell)
        await world.forward(spell)
        await fires(world)


def open_pages(world: World) -> list[str]:
    """Return the keys of pages that are open and unacknowledged at the vendor."""
    return [key for (_, key), one in world.pagerduty.alerts.items() if one["status"] == "triggered"]


async def test_acknowledged_it_is_paged_once_and_counted(world: World) -> None:
    await world.open()
    await fires(world)
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await swing(world, 6)
    (incident,) = await world.incidents()
    assert (incident.state, incident.flaps) == (State.ACKNOWLEDGED, 6)
    assert world.rung() == ["alice"]
    assert [one["status"] for one in world.pagerduty.alerts.values()] == ["acknowledged"], "it stays unchanged"
    log = await world.one.incidents.events(incident.uid)
    refired = [event for event in log if event.kind is Kind.REFIRED]
    assert [event.data.get("people") for event in refired] == [["alice"]] * 6, "she gets a message each time"
    (message,) = [one for one in world.slack.messages if "thread_ts" not in one]
    assert "Fired again: 6 times" in str(message["blocks"])
    said = [str(one["blocks"]) for one in world.slack.messages if "thread_ts" in one and "firing again" in str(one)]
    assert len(said) == 6
    assert all("U0ALICE" in text or "Alice" in text for text in said)


async def test_nobody_has_answered_and_the_same_people_are_notified_again_at_once(world: World) -> None:
    await world.open()
    await fires(world)
    for cycle in (1, 2):
        await ends(world)
        assert (world.rung(), open_pages(world)) == (["alice"] * cycle, []), "all over: it is cleared on the phone"
        await world.forward("2m")
        assert len(world.rung()) == cycle
        await fires(world)
        assert world.rung() == ["alice"] * (cycle + 1)
        assert open_pages(world) == [world.sent()[-1]]
    assert len(set(world.sent())) == 3, "each with its own key"
    assert world.sent("acknowledge") == [], "only people acknowledge"
    (incident,) = await world.incidents()
    # It fired for 6 minutes: bob and the lead are paged after 15, and not before.
    await world.forward("8m")
    assert set(world.rung()) == {"alice"}
    await world.forward("2m")
    assert sorted(set(world.rung())) == ["alice", "bob", "eng-lead"]
    assert incident.state is State.OPEN


async def test_whoever_the_escalation_has_called_is_notified_again_as_well(world: World) -> None:
    await world.open()
    await fires(world)
    await ends(world, "16m")
    assert (sorted(world.rung()), open_pages(world)) == (["alice", "bob", "eng-lead"], [])
    await world.forward("5m")
    await fires(world)
    assert sorted(world.rung()) == ["alice", "alice", "bob", "bob", "eng-lead", "eng-lead"]
    assert len(open_pages(world)) == 3
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.quiet()
    assert open_pages(world) == []
    await ends(world, "1m")
    await world.forward("16m")
    assert world.pagerduty.open() == [], "every page that was made has its resolve"


async def test_in_the_third_cycle_the_page_stays_open_and_people_are_called_every_ten_minutes(world: World) -> None:
    await world.open()
    await fires(world)
    await swing(world, 2, "2m")
    assert world.rung() == ["alice"] * 3
    await ends(world, "2m")
    (incident,) = await world.incidents()
    assert (incident.state, incident.flapping) == (State.MONITORING, True)
    assert open_pages(world) == [world.sent()[-1]], "it flaps: unanswered pages stay open"
    await world.forward("2m")
    await fires(world)
    assert world.rung() == ["alice"] * 3, "paged four minutes ago"
    await swing(world, 1, "2m")
    assert world.rung() == ["alice"] * 3, "eight"
    # It fired in four of the first eight minutes, and since then the clock runs through pauses: 15 minutes are over at
    # 19.
    await ends(world, "2m")
    assert set(world.rung()) == {"alice"}
    await world.forward("90s")
    assert sorted(world.rung()[3:]) == ["bob", "eng-lead"]
    await world.forward("30s")
    await fires(world)
    assert world.rung()[5:] == ["alice"], "ten minutes have passed for her, and not for them"
    assert open_pages(world) == world.sent()[-3:]


async def test_quiet_for_long_enough_it_is_over_and_the_next_time_is_the_first(world: World) -> None:
    await world.open()
    await fires(world)
    await swing(world, 2, "1m")
    await ends(world, "1m")
    assert len(open_pages(world)) == 1
    await world.forward("14m")
    assert (await world.incidents())[0].flapping
    await world.forward("2m")
    (incident,) = await world.incidents()
    assert (incident.state, incident.flapping, incident.ends) == (State.RESOLVED, False, ())
    assert world.pagerduty.open() == []
    await fires(world)
    # Bob was paged as her backup while it flapped.
    calls = world.rung().count("alice")
    await ends(world, "1m")
    assert open_pages(world) == []
    await fires(world)
    assert world.rung().count("alice") == calls + 1


async def test_a_rise_in_severity_is_never_held_back(world: World) -> None:
    await world.open()
    await fires(world)
    await swing(world, 2, "1m")
    await ends(world, "1m")
    await world.forward("1m")
    before = len(world.rung())
    await fires(world, labels={"scope": "all_users"}, annotations={"error_rate": "61%"})
    (incident,) = await world.incidents()
    assert incident.severity is Severity.SEV1
    assert sorted(world.rung()[before:]) == ["alice", "eng-lead"]


async def test_raised_by_hand_while_nothing_fires_it_calls_when_it_fires_again(world: World) -> None:
    await world.open()
    await fires(world)
    await ends(world)
    await world.one.respond.act("INC-2026-0001", Edit(severity=Severity.SEV1), ALICE, world.clock.now())
    await world.quiet()
    assert world.rung() == ["alice"]
    await world.forward("1m")
    await fires(world)
    assert sorted(world.rung()) == ["alice", "alice", "eng-lead"]


async def test_the_clock_goes_on_with_the_wait_that_was_left(world: World) -> None:
    await world.open()
    await fires(world)
    await ends(world, "10m")
    await world.forward("14m")
    assert world.rung() == ["alice"], "it is stopped while nothing fires"
    await fires(world)
    await world.forward("4m")
    assert world.rung() == ["alice", "alice"]
    await world.forward("2m")
    assert sorted(world.rung()) == ["alice", "alice", "bob", "eng-lead"]


async def test_who_takes_it_while_it_is_monitored_has_it_when_it_fires_again(world: World) -> None:
    await world.open()
    await fires(world)
    await ends(world)
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.forward("2m")
    await fires(world)
    (incident,) = await world.incidents()
    assert (incident.state, incident.acknowledged_by) == (State.ACKNOWLEDGED, "alice")
    assert incident.acknowledged_until is not None, "it expires like any other"
    await world.forward("20m")
    assert world.rung() == ["alice"], "nobody else is paged while alice has it"
