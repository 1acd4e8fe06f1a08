"""Tickets: a SEV-4 makes one, action items become issues, and they follow the incident."""

from __future__ import annotations

from typing import Any

from receiver.model.command import AddAction, ChangeAction, Edit, Resolve
from receiver.model.event import Actor, ActorKind
from receiver.model.severity import Severity
from receiver.model.work import ActionStatus
from tests.fakes import Answer
from tests.fakes.jira import TOKEN, USER, words
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.PERSON, name="alice")
LOW: dict[str, Any] = {"name": "DashboardSlow", "labels": {"severity": "info"}}


async def opened(world: World, *answers: Answer) -> World:
    world.jira.script.extend(answers)
    await world.site.start()
    await world.replica(JIRA_URL=world.site.url, JIRA_USER=USER, JIRA_TOKEN=TOKEN)
    return world


async def act(world: World, command: Any) -> None:
    (incident,) = await world.incidents()
    await world.one.respond.act(incident.id, command, ALICE, world.clock.now())
    await world.quiet()


async def test_a_sev4_makes_one_ticket_though_the_first_answer_was_lost(world: World) -> None:
    await opened(world, Answer(reset="after"))
    await world.post(notification(alert(**LOW)))
    await world.forward("2m")
    (incident,) = await world.incidents()
    assert incident.severity is Severity.SEV4
    (issue,) = world.jira.issues.values()
    assert f"{incident.id}" in words(issue["fields"]["description"])
    assert incident.ticketed[0].address == "OPS"
    receipts = [one for one in await world.one.incidents.receipts(incident.uid) if one["channel"] == "tickets"]
    assert [one["outcome"] for one in receipts] == ["connection", "delivered"]
    assert receipts[-1]["ref"] == "OPS-1"


async def test_the_ticket_follows_the_incident(world: World) -> None:
    await opened(world)
    await world.post(notification(alert(**LOW)))
    await act(world, Edit(severity=Severity.SEV2, text="worse than it looked"))
    issue = world.jira.issues["OPS-1"]
    assert issue["fields"]["summary"].startswith("[SEV-2]")
    await act(world, Resolve(text="restarted"))
    assert issue["progress"] == "done"
    assert "resolved by alice: restarted" in words(issue["comments"])
    await world.post(notification(alert(starts="2026-11-23T15:02:11.611Z", name="Other", **{"labels": LOW["labels"]})))
    assert len(world.jira.issues) == 1


async def test_an_incident_without_a_ticket_gets_none_by_the_way(world: World) -> None:
    await opened(world)
    await world.post(notification(alert(annotations={"error_rate": "12%"})))
    await act(world, Resolve())
    assert world.jira.issues == {}


async def test_action_items_become_issues(world: World) -> None:
    await opened(world)
    await world.post(notification(alert(annotations={"error_rate": "12%"})))
    await act(world, AddAction(title="Add an index", owner="alice"))
    await act(world, AddAction(title="Write it down", owner="bob"))
    await act(world, ChangeAction(n=1, status=ActionStatus.DONE))
    found = {issue["fields"]["summary"][:12]: issue["progress"] for issue in world.jira.issues.values()}
    assert found == {"Add an index": "done", "Write it dow": "new"}
