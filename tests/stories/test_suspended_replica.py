"""A replica that is suspended in the middle of a decision: alerts that have ended meanwhile do not fire again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from receiver.model.alert.alert import parse_notification
from receiver.model.incident.state import State
from receiver.pipeline.intake.part_decisions import OLD
from receiver.store.incidents.commit_request import StaleVersion
from tests.stories.world import World, alert, notification

FIRING = notification(alert("ApiDown"))
OVER = notification(alert("ApiDown", firing=False))


@pytest.mark.parametrize(("seconds", "held"), [(OLD + 1, False), (1.0, True)])
async def test_a_decision_that_is_made_anew_after_a_stop_is_about_an_old_notification(
    world: World, monkeypatch: pytest.MonkeyPatch, seconds: float, held: bool
) -> None:
    await world.open(replicas=2)
    await world.post(FIRING)
    stopped, intake = world.one, world.one.intake
    commit = stopped.incidents.commit

    async def stops(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(stopped.incidents, "commit", commit)
        world.clock.forward(timedelta(seconds=seconds))
        await world.replicas[1].intake.accept(parse_notification(OVER), world.clock.now())
        raise StaleVersion("others were faster")

    monkeypatch.setattr(stopped.incidents, "commit", stops)
    both = notification(alert("ApiDown"), alert("ServiceDown"))
    await intake.accept(parse_notification(both), world.clock.now())
    (incident,) = await world.incidents()
    kept = await stopped.due.connection.client.hgetall("{receiver}:held")
    assert incident.firing == 1
    assert ("ApiDown" in str(kept)) is held
    await world.post(notification(alert("ServiceDown", firing=False)))
    await world.forward("30m")
    (incident,) = await world.incidents()
    assert incident.state is State.RESOLVED, "held alerts are released once their whole group has ended"
