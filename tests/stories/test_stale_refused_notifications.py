"""A refused notification that a replica kept opens no incident for alerts that have ended meanwhile."""

from __future__ import annotations

import pytest

from receiver.model.alert.alert import parse_notification
from receiver.model.alert.sender import ANYBODY
from receiver.model.incident.state import State
from receiver.pipeline.store_outage.unfinished_at_exit import OLDEST, UnfinishedAtExit
from receiver.store.refused_notifications_file import RefusedNotificationsFile
from tests.stories.test_emergency_pages import DOWN, Outworld, outworld
from tests.stories.world import World, alert, notification

__all__ = ["outworld"]
OVER = notification(alert("ApiDown", firing=False))


async def owed(world: World) -> None:
    """Give the first replica a copy of a notification that it refused before, and let it settle it."""
    world.one.refused.add(parse_notification(DOWN), DOWN)
    for _ in range(4):
        await world.one.turn()
        await world.one.work.idle()


async def test_a_copy_of_what_has_ended_opens_nothing_and_is_not_held(world: World) -> None:
    await world.open()
    await world.post(DOWN)
    await world.post(OVER)
    await world.forward("20m")
    rung = world.pagerduty.rung
    await owed(world)
    await world.forward("20m")
    (incident,) = await world.incidents()
    assert incident.state in (State.RESOLVED, State.CLOSED)
    assert (world.pagerduty.rung, world.pagerduty.open(), len(world.one.refused)) == (rung, [], 0)


async def test_a_copy_of_what_fires_on_is_a_repetition(world: World) -> None:
    await world.open()
    await world.post(DOWN)
    rung = world.pagerduty.rung
    await owed(world)
    assert (len(await world.incidents()), world.pagerduty.rung) == (1, rung)


@pytest.mark.parametrize(("age", "taken_over"), [(OLDEST - 5, True), (OLDEST + 5, False)])
async def test_notifications_kept_by_an_earlier_process_are_retried_for_a_while(
    outworld: Outworld, age: float, taken_over: bool
) -> None:
    one = (await outworld.open()).one
    file = RefusedNotificationsFile(outworld.server.data_dir)
    file.write([(DOWN, ANYBODY)], outworld.clock.now().timestamp() - age)
    owed = UnfinishedAtExit(one.refused, file)
    owed.restore()
    assert len(one.refused) == int(taken_over)
    for _ in range(4):
        await one.turn()
        await one.work.idle()
    assert len(await outworld.incidents()) == int(taken_over)
    owed.save()
    assert not file.path.exists(), "nothing is pending anymore"


async def test_a_file_that_cannot_be_read_keeps_nothing_from_starting(outworld: Outworld) -> None:
    one = (await outworld.open()).one
    file = RefusedNotificationsFile(outworld.server.data_dir)
    file.path.mkdir()
    UnfinishedAtExit(one.refused, file).restore()
    assert len(one.refused) == 0
    file.path.rmdir()
