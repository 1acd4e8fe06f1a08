"""Incidents that were unreadable for a while, and their successors: only one of the two pages people."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.incident.log.notification_outcome import Outcome
from receiver.model.base import rfc3339
from receiver.model.command import Acknowledge
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State
from receiver.store.client.connection import IncidentUnreadable
from tests.stories.later_version_data import NEW_STATE, rewrite
from tests.stories.test_escalation import ALICE
from tests.stories.world import World, alert, notification

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}
AGAIN = notification(alert(annotations={"error_rate": "7.9%"}))
OVER = notification(alert(firing=False, **HIGH))


class Later:
    """An incident as written by a later version, and how that version reads it."""

    def __init__(self, world: World, incident: Incident) -> None:
        self.world, self.incident = world, incident
        self.row: dict[str, str] = {}

    async def written(self) -> None:
        """From now on, this version cannot read it."""
        connection = self.world.one.connection
        async with connection.guarded() as client:
            self.row = await client.hgetall(connection.keys.incident(self.incident.uid))
        await rewrite(self.world, self.incident, NEW_STATE)

    async def back(self) -> None:
        """A replica of the later version starts, and replaces the others."""
        connection = self.world.one.connection
        async with connection.guarded() as client:
            await client.hset(connection.keys.incident(self.incident.uid), "state", self.row["state"])
        dead = self.world.replicas[:]
        await self.world.replica()
        for replica in dead:
            self.world.replicas.remove(replica)
            await replica.settle()
            await replica.close()


async def opened(world: World, *more: dict[str, Any], wait: str = "1s") -> Later:
    """Open a SEV-2 that becomes unreadable after `wait`."""
    await world.open()
    await world.post(notification(alert(**HIGH), *more))
    await world.forward(wait)
    (incident,) = await world.incidents()
    later = Later(world, incident)
    await later.written()
    return later


async def replaced(world: World, body: bytes = AGAIN) -> Incident:
    """Return the incident that is opened for notifications of the unreadable one."""
    with pytest.raises(IncidentUnreadable):
        await world.post(body)
    await world.forward("10s")
    assert (await world.post(body)).foremost.outcome is Outcome.OPENED
    (second,) = await world.incidents()
    return second


async def by_id(world: World) -> list[Incident]:
    return sorted(await world.incidents(), key=lambda one: one.id)


async def test_what_ended_meanwhile_calls_nobody_once_it_can_be_read(world: World) -> None:
    later = await opened(world)
    await replaced(world)
    await world.post(OVER)
    await world.forward("20m")
    rung = world.rung()
    await later.back()
    await world.forward("1h")
    assert [(one.id, one.state, one.firing) for one in await by_id(world)] == [
        ("INC-2026-0001", State.RESOLVED, 0), ("INC-2026-0002", State.RESOLVED, 0),
    ]  # fmt: skip
    assert (world.rung(), world.pagerduty.open()) == (rung, [])
    # Alerts that fire then join the newest incident, as usual.
    answer = await world.post(notification(alert(starts=rfc3339(world.clock.now()), **HIGH)))
    assert answer.foremost.outcome in (Outcome.OPENED, Outcome.REOPENED)
    assert len(world.pagerduty.open()) == 1


async def test_what_fires_still_is_the_new_ones_and_its_page_stays(world: World) -> None:
    later = await opened(world)
    second = await replaced(world)
    await world.forward("5m")
    await later.back()
    await world.forward("1m")
    first, other = await by_id(world)
    assert (first.state, other.uid, other.state) == (State.RESOLVED, second.uid, State.OPEN)
    assert [key for _, key in world.pagerduty.open()] == [page.key for page in second.pages]
    await world.forward("16m")
    assert world.rung().count("eng-lead") == 1, "one escalation clock runs"
    await world.post(OVER)
    await world.forward("16m")
    assert {one.state for one in await by_id(world)} == {State.RESOLVED}
    assert world.pagerduty.open() == []


async def test_whom_it_has_called_before_goes_on_being_called(world: World) -> None:
    later = await opened(world, wait="16m")
    assert "eng-lead" in world.rung()
    await replaced(world)
    before = {key for _, key in world.pagerduty.open()}
    await later.back()
    await world.forward("1m")
    first, second = await by_id(world)
    assert (first.state, second.state) == (State.RESOLVED, State.OPEN)
    assert {key for _, key in world.pagerduty.open()} == before, "no page ends while it fires"
    await world.one.respond.act(second.id, Acknowledge(), ALICE, world.clock.now())
    await world.post(OVER)
    await world.forward("16m")
    assert world.pagerduty.open() == []


async def test_what_only_it_knows_goes_on_there(world: World) -> None:
    other = alert("Else", labels={"pod": "b"}, **HIGH)
    later = await opened(world, other)
    await replaced(world)
    await later.back()
    await world.forward("1m")
    first, second = await by_id(world)
    assert (first.state, first.firing, first.names) == (State.OPEN, 1, ("Else",))
    assert (second.state, second.firing) == (State.OPEN, 1)


async def test_it_is_not_read_until_it_has_given_way(world: World) -> None:
    later = await opened(world)
    second = await replaced(world)
    incidents, uid = world.one.incidents, later.incident.uid
    async with world.one.connection.guarded() as client:
        await client.hset(incidents.keys.incident(uid), "state", later.row["state"])
    with pytest.raises(IncidentUnreadable):
        await incidents.incident(uid)
    await world.forward("2m")
    given = await incidents.incident(uid)
    assert given is not None and given.state is State.RESOLVED
    assert set((await incidents.owners([alert(**HIGH)["fingerprint"]])).values()) == {second.uid}
