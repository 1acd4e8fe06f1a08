"""Incidents held by a window, a storm or a merge page people once nothing holds them anymore, and not before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from receiver.incident.alerts.maintenance_windows import Window
from receiver.model.alert.alert import parse_notification
from receiver.model.command import Acknowledge, Close, Mitigate, Resolve
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from receiver.pipeline.alerts.maintenance_windows import window_of
from tests.fakes import Answer
from tests.stories.test_escalation import ALICE, EVERYBODY, HIGH, MINOR, breaches
from tests.stories.world import World, alert, notification


async def up(world: World, **more: Any) -> Window:
    now = world.clock.now()
    given = {"name": "upgrade", "matchers": ['service="api"'], "components": [], "timezone": "UTC",
             "until": now + timedelta(hours=8), **more}  # fmt: skip
    return await world.one.maintenance_windows.add(window_of(given, now), ALICE, now)


async def known(world: World) -> dict[str, Incident]:
    return {one.id: one for one in await world.incidents()}


async def test_a_window_taken_down_on_one_replica_holds_nothing_on_another(world: World) -> None:
    await world.open(2)
    made = await up(world)
    await world.quiet()
    other, now = world.replicas[1], world.clock.now()
    # The first replica does not know this incident when the window ends; the second does not know the window's end at
    # the next one.
    await other.intake.accept(parse_notification(notification(alert("Broken", **HIGH))), now)
    await world.one.maintenance_windows.remove(made.id, ALICE, now)
    await other.intake.accept(parse_notification(notification(alert("Slow", **HIGH), group="slow")), now)
    await world.forward("1m")
    assert world.rung() == ["alice", "alice"]
    assert {one.held for one in (await known(world)).values()} == {None}


async def test_a_look_at_a_window_that_holds_writes_nothing(world: World) -> None:
    await world.open()
    await up(world, until=None, weekly="Monday 14:00", lasts=3600)
    await world.post(notification(alert("Broken", **HIGH)))
    await world.forward("5m")
    held = (await known(world))["INC-2026-0001"]
    assert held.held == "maintenance: upgrade"
    log = await world.one.incidents.events(held.uid)
    assert sum(event.kind == "maintenance" for event in log) == 1
    await world.forward("53m")
    assert world.rung() == ["alice"]


async def test_each_alert_counts_when_it_is_looked_again_not_only_what_they_share(world: World) -> None:
    await world.open()
    await up(world, matchers=['instance=~"db-.*"'], until=world.clock.now() + timedelta(minutes=10))
    await up(world, name="longer", matchers=['instance=~"db-[12]"'], until=world.clock.now() + timedelta(minutes=30))
    both = [alert("Broken", labels={"instance": f"db-{n}"}, annotations={"error_rate": "7.3%"}) for n in (1, 2)]
    await world.post(notification(*both))
    await world.forward("20m")
    assert world.rung() == [], "the longer window holds both"
    await world.forward("11m")
    assert world.rung() == ["alice"]


async def test_firing_again_inside_a_window_it_reopens_in_silence_and_the_end_calls(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **HIGH)))
    await world.one.respond.act("INC-2026-0001", Resolve(), ALICE, world.clock.now())
    await world.post(notification(alert("Broken", firing=False, **HIGH)))
    await up(world, until=world.clock.now() + timedelta(minutes=10))
    await world.post(notification(alert("Broken", starts="2026-11-23T14:25:00Z", **HIGH)))
    await world.forward("9m")
    assert world.rung() == ["alice"]
    assert (await known(world))["INC-2026-0001"].state is State.OPEN
    await world.forward("2m")
    assert world.rung() == ["alice", "alice"]


@pytest.mark.parametrize("command", [Resolve(), Close(force=True, text="enough")])
async def test_a_storm_that_people_end_lets_out_what_still_fires(world: World, command: Resolve | Close) -> None:
    await world.open()
    for number in range(23):
        await world.post(notification(alert(f"Auth{number}"), group=f"g{number}"))
    await world.post(notification(alert("Auth22", firing=False), group="g22"))
    rung = len(world.rung())
    storm = next(one for one in await world.incidents() if one.storm)
    await world.one.respond.act(storm.id, command, ALICE, world.clock.now())
    await world.forward("1m")
    assert len(world.rung()) == rung + 2, "two of three still fire"
    assert [one.id for one in await world.incidents() if one.held] == []


async def test_what_calls_people_goes_on_calling_them_when_it_is_merged_into_what_is_held(world: World) -> None:
    await world.open()
    await up(world, matchers=['service="batch"'])
    await world.post(notification(alert("Minor", **MINOR), group="minor"))
    await world.post(notification(alert("Broken", **HIGH)))
    await world.one.respond.merge("INC-2026-0002", "INC-2026-0001", ALICE, world.clock.now())
    await world.forward("16m")
    assert sorted(world.rung()) == ["alice", "bob", "eng-lead"], "alice already has an unanswered page"


async def test_a_sev1_merged_into_a_part_of_a_storm_is_not_held_back(world: World) -> None:
    await world.open()
    for number in range(22):
        await world.post(notification(alert(f"Auth{number}"), group=f"g{number}"))
    await world.post(notification(alert("Broken", **EVERYBODY), group="broken"))
    found = await world.incidents()
    part = next(one for one in found if one.held)
    worst = next(one for one in found if one.severity is Severity.SEV1)
    await world.one.respond.merge(worst.id, part.id, ALICE, world.clock.now())
    await world.forward("16m")
    assert "vp-eng" in world.rung()
    assert (await known(world))[part.id].held is None


async def test_what_fires_and_is_merged_into_what_is_watched_is_not_over(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Slow", **HIGH), group="slow"))
    await world.post(notification(alert("Broken", **HIGH)))
    await world.one.respond.act("INC-2026-0001", Mitigate(), ALICE, world.clock.now())
    await world.one.respond.merge("INC-2026-0002", "INC-2026-0001", ALICE, world.clock.now())
    await world.forward("16m")
    assert (await known(world))["INC-2026-0001"].state is State.OPEN
    assert "eng-lead" in world.rung()


async def test_a_ticket_that_nobody_takes_in_four_hours_of_business_is_a_breach(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Ui", labels={"category": "ui"})))
    # Opened on a Monday at 14:02:20: four hours of 09:00 to 17:00 end on Tuesday at 10:02:20.
    world.clock.forward(timedelta(hours=19, minutes=59))
    await world.quiet()
    assert breaches(world, "SEV-4") == 0
    await world.forward("2m")
    assert (breaches(world, "SEV-4"), world.rung()) == (1, [])


async def test_what_a_window_holds_raises_in_silence_and_the_end_calls(world: World) -> None:
    await world.open()
    await world.post(notification(alert("DataLag")))
    await up(world, until=world.clock.now() + timedelta(minutes=30))
    await world.post(notification(alert("DataLag"), alert("Broken", **HIGH)))
    raised = (await known(world))["INC-2026-0001"]
    assert (raised.severity, raised.held) == (Severity.SEV2, "maintenance: upgrade")
    await world.forward("29m")
    assert world.rung() == [], "nobody is paged during the window, regardless of earlier incidents"
    await world.forward("2m")
    assert world.rung() == ["alice"]
    assert (await known(world))["INC-2026-0001"].held is None


async def test_an_alert_of_another_group_that_no_window_holds_counts_when_it_is_raised(world: World) -> None:
    await world.open()
    await up(world, matchers=['instance="db-1"'])
    outside = alert("DataLag", labels={"instance": "db-2"})
    await world.post(notification(outside))
    inside = alert("Broken", labels={"instance": "db-1"}, annotations={"error_rate": "7.3%"})
    await world.post(notification(outside, inside))
    assert (await known(world))["INC-2026-0001"].held is None
    assert world.rung() == ["alice"], "an alert fires that no window covers: the whole incident pages people"


async def test_who_took_it_inside_the_window_is_not_paged_at_its_end(world: World) -> None:
    await world.open()
    await up(world, until=world.clock.now() + timedelta(minutes=10))
    await world.post(notification(alert("Broken", **HIGH)))
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.forward("27m")
    assert (await known(world))["INC-2026-0001"].held is None
    assert world.rung() == [], "one acknowledgement is enough"
    await world.forward("35m")
    assert world.rung() == ["alice"], "it has expired without work"


async def two(world: World) -> None:
    """Open a less severe incident that paged nobody, and a worse one that paged alice; the second is INC-2026-0002."""
    await world.open()
    await world.post(notification(alert("DataLag"), group="mild"))
    await world.post(notification(alert("Broken", **HIGH), group="bad"))
    assert world.rung() == ["alice"]


async def merge(world: World) -> Incident:
    await world.one.respond.merge("INC-2026-0002", "INC-2026-0001", ALICE, world.clock.now())
    await world.quiet()
    return (await known(world))["INC-2026-0001"]


async def test_whom_the_merged_one_has_paged_is_not_rung_again(world: World) -> None:
    await two(world)
    parent = await merge(world)
    assert (parent.severity, world.rung(), world.sent("resolve")) == (Severity.SEV2, ["alice"], [])
    assert [page.person for page in parent.pages] == ["alice"]
    child = (await known(world))["INC-2026-0002"]
    assert (child.state, child.pages, [page.person for page in child.handed]) == (State.CLOSED, (), ["alice"])
    # A missing answer counts as if it had been the parent's page from the start.
    await world.forward("14m")
    assert world.rung() == ["alice"]
    await world.forward("2m")
    assert sorted(world.rung()) == ["alice", "bob", "eng-lead"]


async def test_the_page_of_the_merged_one_is_answered_and_ended_with_the_other(world: World) -> None:
    await two(world)
    await merge(world)
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.quiet()
    assert len(world.sent("acknowledge")) == 1
    await world.one.respond.act("INC-2026-0001", Resolve(), ALICE, world.clock.now())
    await world.quiet()
    assert world.sent("resolve") == world.sent("trigger"), "one key, from beginning to end"


async def test_a_page_that_was_answered_ends_with_the_merged_one(world: World) -> None:
    await two(world)
    await world.one.respond.act("INC-2026-0002", Acknowledge(), ALICE, world.clock.now())
    await world.quiet()
    parent = await merge(world)
    assert len(world.sent("resolve")) == 1
    assert parent.severity is Severity.SEV2


async def test_what_was_called_for_already_needs_no_second_page(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Slow", **HIGH), group="first"))
    await world.post(notification(alert("Broken", **HIGH), group="bad"))
    await merge(world)
    assert world.rung() == ["alice", "alice"]
    assert len(world.sent("resolve")) == 1, "the open page of the first is enough"


async def test_a_page_that_could_not_be_sent_yet_goes_out_for_the_other(world: World) -> None:
    await world.open()
    await world.post(notification(alert("DataLag"), group="mild"))
    world.pagerduty.script.extend([Answer(status=503)] * 2)
    await world.post(notification(alert("Broken", **HIGH), group="bad"))
    assert world.pagerduty.open() == []
    await merge(world)
    await world.forward("1m")
    ((_, key),) = world.pagerduty.open()
    assert (set(world.sent()), world.pagerduty.rung) == ({key}, 1)
    await world.one.respond.act("INC-2026-0001", Resolve(), ALICE, world.clock.now())
    await world.forward("1m")
    assert world.pagerduty.open() == []


async def test_the_replica_may_die_between_the_two_halves_of_a_merge(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two(world)
    await half_merged(world, monkeypatch)
    assert world.sent("resolve") == []
    await world.forward("1m")
    assert [page.person for page in (await known(world))["INC-2026-0001"].pages] == ["alice"]
    assert (world.rung(), world.sent("resolve")) == (["alice"], [])


async def half_merged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Merge INC-2026-0002 into INC-2026-0001; the replica dies after the first of the two commits."""
    with monkeypatch.context() as patch, pytest.raises(ConnectionError):
        patch.setattr(world.one.respond, "hand_over", _dies)
        await merge(world)


async def _dies(uid: str, now: Any) -> None:
    raise ConnectionError("gone")


@pytest.mark.killed_in_turn
async def test_firing_again_inside_a_window_it_calls_nobody_until_the_window_ends(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **HIGH)))
    await world.forward("1m")
    await world.post(notification(alert("Broken", firing=False, **HIGH)))
    await up(world, until=world.clock.now() + timedelta(minutes=30))
    await world.forward("1m")
    await world.post(notification(alert("Broken", starts="2026-11-23T14:04:00Z", **HIGH)))
    await world.forward("28m")
    assert ((await known(world))["INC-2026-0001"].state, world.rung()) == (State.OPEN, ["alice"])
    assert world.pagerduty.open() == []
    await world.forward("2m")
    assert world.rung() == ["alice", "alice"]
    assert len(world.pagerduty.open()) == 1


@pytest.mark.killed_in_turn
async def test_a_window_that_ends_while_it_is_monitored_writes_no_page(world: World) -> None:
    await world.open()
    await up(world, until=world.clock.now() + timedelta(minutes=10))
    await world.quiet()  # every replica knows about it
    await world.post(notification(alert("Broken", **HIGH)))
    await world.forward("5m")
    await world.one.respond.act("INC-2026-0001", Mitigate(), ALICE, world.clock.now())
    await world.forward("7m")
    monitored = (await known(world))["INC-2026-0001"]
    assert (monitored.state, monitored.held, monitored.pages) == (State.MONITORING, None, ())
    await world.forward("9m")
    assert ((await known(world))["INC-2026-0001"].state, world.rung()) == (State.OPEN, ["alice"]), "it still fires"
