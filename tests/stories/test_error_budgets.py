"""Error budgets queried from Prometheus: per incident for its post-mortem, and per month for its review."""

from __future__ import annotations

from datetime import timedelta

import pytest

from receiver.active_config_builder import build_active_config
from receiver.config.settings.feature_settings import Objective
from receiver.model.command import Resolve, SetClock
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.postmortem import CorrectedTime
from receiver.sources.http_client import SourceAnswer
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")
QUERY = 'sum(rate(errors{code="x"}[{{ window }}])) / sum(rate(requests[{{ window }}]))'


def answer(value: str) -> SourceAnswer:
    return SourceAnswer(
        200, b'{"status": "success", "data": {"resultType": "scalar", "result": [0, "%s"]}}' % value.encode()
    )


async def asked(world: World) -> None:
    """Open a world with an objective of 99.9 % over 30 days, with a query."""
    await world.open()
    objective = Objective.model_validate({"name": "availability", "target": "99.9%", "promql": QUERY})
    config = world.one.config.model_copy(update={"objectives": (objective,)})
    world.one.apply(config)
    world.one.setting = build_active_config(config, world.one.setting.channels, world.one.posted)


async def lived(world: World) -> None:
    await world.post(notification(alert("AuthFailing", starts="2026-11-23T14:02:20Z")))
    world.clock.forward(timedelta(minutes=100))
    await world.one.respond.act("INC-2026-0001", Resolve(), ALICE, world.clock.now())
    await world.quiet()


async def impact(world: World) -> str:
    incident = await world.one.respond.find("INC-2026-0001")
    log = await world.one.incidents.events(incident.uid)
    text = world.one.setting.postmortem(incident, log, world.clock.now(), (), None)
    return next(line for line in text.splitlines() if "SLA impact" in line)


async def test_what_an_incident_has_spent_is_asked_once_it_is_over(world: World) -> None:
    await asked(world)
    world.outside.answers["http://prometheus"] = answer("0.216")
    await lived(world)
    # 21.6 % bad over 6,000 s is 1,296 s, of 2,592 s in 30 days.
    assert await impact(world) == ("- **SLA impact**: 50% of the error budget of availability (99.9% over 30 d)")
    (incident,) = await world.incidents()
    log = await world.one.incidents.events(incident.uid)
    assert [event.kind for event in log].count(Kind.BUDGET_KNOWN) == 1
    later = incident.started_at + timedelta(minutes=50)
    await world.one.respond.act(
        incident.id, SetClock(clock=CorrectedTime.IMPACT_BEGAN, at=later), ALICE, world.clock.now()
    )
    await world.quiet()
    assert ": 25% of the error budget" in await impact(world), "half as long, and asked anew"


async def test_what_nobody_says_is_counted_by_its_time(world: World) -> None:
    await asked(world)
    await lived(world)
    assert ": 100% (and 2.3 times what is allowed) of the error budget" in await impact(world), "100 min of 43.2"


async def test_the_month_asks_over_the_window(world: World) -> None:
    await asked(world)
    reports = world.one.reports
    (said,) = (await reports.monthly(reports.month(None, world.clock.now()), world.clock.now()))["error_budget"]
    assert (said["by"], said["remaining"]) == ("incidents", 1)
    world.outside.answers["http://prometheus"] = answer("0.0004")
    (said,) = (await reports.monthly(reports.month(None, world.clock.now()), world.clock.now()))["error_budget"]
    assert (said["by"], said["spent"]) == ("prometheus", 1036.8)
    assert said["remaining"] == pytest.approx(0.6)


def test_a_query_needs_its_window() -> None:
    for wrong in ("up", "rate(x[{{ range }}])", "rate(x[{{ window }}]) / {{ other }}"):
        with pytest.raises(ValueError, match="window"):
            Objective.model_validate({"name": "a", "target": "99%", "promql": wrong})
