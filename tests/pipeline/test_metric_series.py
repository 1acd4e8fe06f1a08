"""Series for values of the configuration exist from the start, and removed channels do not show as failing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from receiver.replica import Replica
from tests.stories.world import World, alert, notification, reference


@pytest.fixture
async def world(store_url: str, patient: None) -> AsyncIterator[World]:
    made = await World(store_url).open()
    try:
        yield made
    finally:
        await made.close()


def value(replica: Replica, name: str, **labels: str) -> float | None:
    return replica.metrics.registry.get_sample_value(f"receiver_{name}", labels)


async def test_what_may_happen_is_counted_from_zero(world: World) -> None:
    one = world.one
    assert value(one, "deliveries_total", channel="pager", action="trigger", outcome="timeout") == 0
    assert value(one, "deliveries_total", channel="chat", action="inform", outcome="ok") == 0
    assert value(one, "deliveries_total", channel="chat", action="trigger", outcome="ok") is None, "it cannot page"
    assert value(one, "circuit_open", channel="pager") == 0
    assert value(one, "delivery_lag_seconds_count", channel="chat") == 0
    assert value(one, "rule_hits_total", rule="outage", severity="SEV-1") == 0
    assert value(one, "rule_hits_total", rule="high-error-rate", severity="SEV-1") is None, "it raises nothing so far"
    assert value(one, "pages_total", contact="on-call", severity="SEV-2", team="") == 0
    assert value(one, "escalations_total", severity="SEV-1", step="3", team="") == 0
    assert value(one, "escalations_total", severity="SEV-1", step="4", team="") is None
    assert value(one, "webhooks_total", source="pagerduty", outcome="refused") == 0
    assert value(one, "incident_resolve_seconds_count", severity="SEV-4") == 0
    assert value(one, "loop_errors_total", step="reconcile") == 0
    assert value(one, "openings_total", severity="SEV-2") == 0


async def test_targets_and_whom_it_serves(world: World) -> None:
    assert value(world.one, "target_seconds", phase="acknowledge", severity="SEV-1") == 300
    assert value(world.one, "target_seconds", phase="acknowledge", severity="SEV-4") == 4 * 3600
    assert value(world.one, "target_seconds", phase="resolve", severity="SEV-3") == 3600
    assert value(world.one, "watchdog_silent_after_seconds") == 300
    who = {"name": "Stratum AI", "environment": "production", "url": "https://incidents.example.com"}
    assert world.one.metrics.registry.get_sample_value("receiver_service_info", who) == 1


async def test_an_incident_counts_whatever_its_service(world: World) -> None:
    await world.post(notification(alert(annotations={"error_rate": "7%"})))
    assert value(world.one, "openings_total", severity="SEV-2") == 1
    assert value(world.one, "incidents_opened_total", severity="SEV-2", service="api", team="") == 1


async def test_a_channel_that_is_gone_is_not_at_rest(world: World) -> None:
    world.one.metrics.circuit.labels("pager").set(1)
    world.one.metrics.circuit.labels("chat").set(1)
    config = reference(world.site.url)
    rest = {name: one for name, one in config.channels.items() if name != "chat"}
    world.one.apply(config.model_copy(update={"channels": rest}))
    assert value(world.one, "circuit_open", channel="chat") is None
    assert value(world.one, "circuit_open", channel="pager") == 1, "it is still paused"


async def test_durability_is_held_against_what_was_asked_for(world: World) -> None:
    assert value(world.one, "store_durability_met") == 1
    world.one.connection.server.level = "everysec"
    assert not world.one.connection.server.met
    world.one.connection.server.durability = "memory"
    assert world.one.connection.server.met
