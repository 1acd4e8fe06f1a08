"""Pages that wait for page hours, with a real store: listed once when the hours begin, and then sent."""

from __future__ import annotations

import json
from datetime import time

from receiver.active_config_builder import build_active_config
from receiver.model.command import Acknowledge
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from receiver.model.severity_policy import PageHours
from tests.stories.test_escalation import ALICE, HIGH
from tests.stories.world import World, alert, notification


def by_day(world: World) -> None:
    """Let SEV-2 page from 15:00 to 18:00 only; it is 14:02 now."""
    hours = PageHours.model_validate({"from": time(15), "to": time(18), "timezone": "UTC"})
    for replica in world.replicas:
        config = replica.config
        changed = config.severities[Severity.SEV2].model_copy(update={"page_hours": hours})
        replica.config = config.model_copy(update={"severities": {**config.severities, Severity.SEV2: changed}})
        replica.setting = build_active_config(replica.config, replica.setting.channels, replica.posted)


def listed(world: World) -> list[str]:
    told = [json.dumps(message) for message in world.slack.messages]
    return [text for text in told if "waited for page hours" in text]


async def test_what_waits_is_listed_once_and_paged_when_the_hours_begin(world: World) -> None:
    await world.open(2)
    by_day(world)
    await world.post(notification(alert("Broken", **HIGH)))
    await world.post(notification(alert("Slow", **HIGH), group="slow"), to=1)
    taken = (await world.incidents())[0]
    await world.forward("20m")
    await world.one.respond.act(taken.id, Acknowledge(), ALICE, world.clock.now())
    await world.forward("37m")
    assert (world.rung(), listed(world)) == ([], [])
    await world.forward("2m")
    assert world.rung() == ["alice"], "the unacknowledged one"
    (text,) = listed(world)
    assert "2 incidents waited for page hours" in text
    assert all(number in text for number in ("INC-2026-0001", "INC-2026-0002"))
    states = sorted(one.state for one in await world.incidents())
    assert states == [State.ACKNOWLEDGED, State.OPEN]
    assert [one.held for one in await world.incidents()] == [None, None]


async def test_a_replica_that_dies_at_night_loses_no_page(world: World) -> None:
    await world.open(2)
    by_day(world)
    await world.post(notification(alert("Broken", **HIGH)))
    await world.forward("30m")
    dead = world.replicas.pop(0)
    await dead.close()
    await world.forward("30m")
    assert world.rung() == ["alice"]
