"""Values that a severity decision could not use are counted and listed, with the alert rule to fix."""

from __future__ import annotations

from datetime import timedelta

from receiver.model.alert.severity_unknowns import KINDS, SeverityUnknown, remedy
from receiver.pipeline.intake.severity_unknowns import SeverityUnknowns
from receiver.store.severity_unknowns import MOST
from tests.stories.world import START, World, alert, notification


async def test_each_is_listed_once_with_its_count_and_an_example(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Odd", labels={"severity": "odd"}), group="one"))
    await world.post(notification(alert("Odd", labels={"severity": "odder"}), group="two"))
    await world.post(notification(alert("HighErrorRate", annotations={"error_rate": "7,3"}), group="three"))
    found = {item["kind"]: item for item in await world.one.unknowns.listing()}
    odd = found["severity"]
    assert (odd["alertname"], odd["count"]) == ("Odd", 2)
    assert odd["incident"].startswith("INC-2026-")
    assert "odder" in odd["text"]
    assert odd["generator_url"] == "http://prometheus.example.com/graph?g0.expr=up"
    assert odd["fix"] == remedy("severity")
    assert found["measurement"]["text"].startswith("error_rate unreadable: ")


async def test_a_duplicate_counts_nothing_and_what_is_well_said_is_not_listed(world: World) -> None:
    await world.open()
    said = notification(alert("HighErrorRate", labels={"severity": "critical"}, annotations={"error_rate": "7.3%"}))
    await world.post(said)
    await world.post(said)
    kinds = [item["kind"] for item in await world.one.unknowns.listing()]
    assert set(kinds) <= {"service"}


async def test_those_seen_longest_ago_leave(world: World) -> None:
    await world.open()
    for number in range(MOST):
        world.one.unknowns.note([SeverityUnknown(f"A{number}", "severity", "text", "")], None, START)
    await world.one.unknowns.flush()
    world.one.unknowns.note([SeverityUnknown("New", "severity", "text", "")], "INC-1", START + timedelta(minutes=1))
    found = await world.one.unknowns.listing()
    assert len(found) == MOST
    assert (found[0]["alertname"], found[0]["incident"]) == ("New", "INC-1")


async def test_two_replicas_count_together(world: World) -> None:
    await world.open()
    other = SeverityUnknowns(world.one.unknowns.store)
    for one in (world.one.unknowns, other):
        one.note([SeverityUnknown("A", "missing", "latency missing: x", "")], None, START)
        await one.flush()
    (item,) = await other.listing()
    assert (item["count"], item["kind"]) == (2, "missing")


def test_every_kind_has_its_remedy() -> None:
    assert all(remedy(kind) for kind in KINDS)
