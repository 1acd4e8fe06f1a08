"""The auditor reports late work, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from receiver.model.command import Acknowledge
from receiver.model.incident.event import Actor, ActorKind
from tests.stories.world import World, alert, notification

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}


async def test_what_happens_in_time_is_no_finding(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    await world.forward("20m")
    found = await world.one.auditor.audit(world.clock.now())
    assert (found.overdue, found.oldest, found.unattended) == (0, None, ())


async def test_a_loop_that_stands_still_is_found(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    world.clock.forward(timedelta(minutes=17))
    found = await world.one.auditor.audit(world.clock.now())
    assert found.unattended == ("INC-2026-0001",)
    assert found.overdue >= 1
    assert found.oldest is not None
    sample = world.one.metrics.registry.get_sample_value
    assert sample("receiver_unattended_incidents") == 1
    assert (sample("receiver_overdue_work") or 0) >= 1
    await world.quiet()
    assert (await world.one.auditor.audit(world.clock.now())).unattended == ()


async def test_pages_that_nobody_answers_when_nobody_is_left_are_found(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    await world.forward("44m")
    found = await world.one.auditor.audit(world.clock.now())
    assert (found.unattended, found.unanswered) == ((), ()), "the last person was paged 14 minutes ago"
    await world.forward("2m")
    found = await world.one.auditor.audit(world.clock.now())
    assert (found.overdue, found.unattended, found.unanswered) == (0, (), ("INC-2026-0001",))
    assert world.one.metrics.registry.get_sample_value("receiver_unanswered_incidents") == 1
    alice = Actor(kind=ActorKind.API, name="alice")
    await world.one.respond.act("INC-2026-0001", Acknowledge(), alice, world.clock.now())
    assert (await world.one.auditor.audit(world.clock.now())).unanswered == ()


async def test_an_incident_for_which_nobody_could_be_paged_is_found(world: World) -> None:
    await world.open()
    config = world.one.config
    people = {key: one.model_copy(update={"addresses": {}}) for key, one in config.people.items()}
    world.one.apply(config.model_copy(update={"people": people}))
    await world.post(notification(alert(**HIGH)))
    await world.post(notification(alert("DiskFilling", labels={"severity": "info"}), group="low"))
    await world.forward("14m")
    assert (await world.one.auditor.audit(world.clock.now())).unanswered == ()
    await world.forward("46m")
    assert world.rung() == []
    assert (await world.one.auditor.audit(world.clock.now())).unanswered == ("INC-2026-0001",)
