"""The monthly review: posted on the morning of the first, once, in chat and as a page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from receiver.model.command import AddAction, ChangeAction, Declare, Resolve
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.response_records import ActionStatus
from receiver.model.severity import Severity
from tests.fakes import jira as fake_jira
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")
FIRST = datetime(2026, 12, 1, tzinfo=UTC)


async def to(world: World, moment: datetime) -> None:
    world.clock.forward(moment - world.clock.now())
    await world.quiet()


def told(world: World) -> list[str]:
    return [text for one in world.slack.messages if "Incident review of" in (text := str(one))]


async def test_it_is_told_on_the_first_by_one_of_two_replicas(world: World) -> None:
    await world.site.start()
    env: dict[str, Any] = {
        "CONFLUENCE_URL": f"{world.site.url}/wiki",
        "JIRA_USER": fake_jira.USER,
        "JIRA_TOKEN": fake_jira.TOKEN,
    }
    for _ in range(2):
        await world.replica(**env, JIRA_URL=world.site.url)
    await world.post(notification(alert("AuthFailing")))
    await world.post(notification(alert("AuthFailing")))
    await world.one.respond.act("INC-2026-0001", AddAction(title="Add a canary", owner="bob"), ALICE, world.clock.now())
    await world.one.respond.act("INC-2026-0001", Resolve(), ALICE, world.clock.now())
    drill = Declare(title="an exercise", severity=Severity.SEV1, drill=True)
    await world.one.respond.declare(drill, ALICE, world.clock.now())
    await to(world, FIRST + timedelta(hours=7, minutes=59))
    assert told(world) == []
    await to(world, FIRST + timedelta(hours=8, minutes=1))
    (said,) = told(world)
    assert "Incident review of November 2026: 1 incident (SEV-1: 0, SEV-2: 1, SEV-3: 0, SEV-4: 0)" in said
    assert "Action items outstanding: 1, 0 of them overdue." in said
    pages = [page for page in world.confluence.pages.values() if "Incident Review November 2026" in str(page)]
    assert len(pages) == 1
    assert "Add a canary" in str(pages[0])
    assert "suppressed: 1" in str(pages[0])
    for hours in (1, 5, 24):
        await to(world, world.clock.now() + timedelta(hours=hours))
    assert len(told(world)) == 1
    await to(world, datetime(2027, 1, 1, 8, 1, tzinfo=UTC))
    assert len(told(world)) == 2


async def test_figures_are_exported_and_follow(world: World) -> None:
    await world.open()
    reports, registry = world.one.reports, world.one.metrics.registry

    def value(metric: str, name: str = "receiver_review_figure") -> float | None:
        return registry.get_sample_value(name, {"metric": metric})

    await reports.export_figures(world.clock.now())
    assert value("incidents_per_month") == 0
    assert value("mttr") != value("mttr"), "without data there is no number"
    await world.post(notification(alert("ApiDown")))
    await world.forward("2m")
    await world.one.respond.act("INC-2026-0001", Resolve(), ALICE, world.clock.now())
    await reports.export_figures(world.clock.now())
    assert value("incidents_per_month") == 1
    assert value("mttr") == 120
    assert value("sev1_per_quarter", "receiver_review_target_met") == 0
    assert value("mttr", "receiver_review_target_met") == 1


async def test_what_was_promised_long_ago_is_outstanding_still(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    for title in ("one", "two"):
        await world.one.respond.act("INC-2026-0001", AddAction(title=title, owner="bob"), ALICE, world.clock.now())
    await to(world, datetime(2027, 6, 15, tzinfo=UTC))
    done = ChangeAction(n=2, status=ActionStatus.DONE)
    await world.one.respond.act("INC-2026-0001", done, ALICE, world.clock.now())
    said = await world.one.reports.monthly(world.one.reports.month("2027-06", world.clock.now()), world.clock.now())
    assert said["total"] == 0
    assert [one["title"] for one in said["outstanding_actions"]] == ["one"]
    assert [one["title"] for one in said["improvements"]] == ["two"]


@pytest.mark.parametrize("over", [False, True])
async def test_what_has_no_record_of_its_own_counts(world: World, over: bool) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    (incident,) = await world.incidents()
    if over:
        await world.one.respond.act(incident.id, Resolve(), ALICE, world.clock.now())
    async with world.one.connection.guarded() as client:
        # An open one has none, and neither has one that ended before records were stored.
        assert await client.hdel(world.one.connection.keys.incident(incident.uid), "past") == int(over)
    said = await world.one.reports.monthly(world.one.reports.month(None, world.clock.now()), world.clock.now())
    assert said["by_severity"]["SEV-2"] == 1
