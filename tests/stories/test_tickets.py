"""Tickets: a SEV-4 creates one, action items become issues, and they follow the incident."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from receiver.channels.jira.ticket_text import label
from receiver.config import Config
from receiver.model.command import AddAction, ChangeAction, Edit, Reopen, Resolve
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.response_records import ActionStatus
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from tests.fakes import Answer
from tests.fakes.jira import TOKEN, USER, WORKFLOW, words
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.PERSON, name="alice")
LOW: dict[str, Any] = {"name": "DashboardSlow", "labels": {"severity": "info"}}


async def opened(world: World, *answers: Answer) -> World:
    await world.site.start()
    await world.replica(JIRA_URL=world.site.url, JIRA_USER=USER, JIRA_TOKEN=TOKEN)
    await world.quiet()
    world.jira.script.extend(answers)
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


async def test_what_a_lost_answer_made_is_looked_for_once_an_index_that_is_late_can_have_it(world: World) -> None:
    await opened(world, Answer(reset="after"))
    world.jira.lag, world.jira.clock_s = 5.0, lambda: world.clock.now().timestamp()
    await world.post(notification(alert(**LOW)))
    # A new message does not cause an earlier query.
    world.clock.forward("2s")
    await act(world, Edit(severity=Severity.SEV3, text="worse than it looked"))
    await world.forward("2m")
    assert list(world.jira.issues) == ["OPS-1"]
    assert world.jira.issues["OPS-1"]["fields"]["summary"].startswith("[SEV-3]")
    assert "worse than it looked" in words(world.jira.issues["OPS-1"]["comments"])


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


async def test_what_is_closed_in_jira_is_done_here_and_not_sent_back(world: World) -> None:
    await opened(world)
    await world.post(notification(alert(annotations={"error_rate": "12%"})))
    await act(world, AddAction(title="Add an index", owner="alice"))
    world.jira.touch("OPS-1", "done")
    await world.forward("2m")
    (incident,) = await world.incidents()
    assert incident.actions[0].status is ActionStatus.DONE
    log = [e for e in await world.one.incidents.events(incident.uid) if e.kind is Kind.ACTION_CHANGED]
    assert [(e.actor.kind, e.actor.name) for e in log] == [(ActorKind.API, "jira")]
    assert "tickets" not in {to.channel for to in log[0].to}
    assert [entry["method"] for entry in world.jira.taken if not entry["path"].endswith("/jql")] == ["POST"]
    await act(world, ChangeAction(n=1, status=ActionStatus.OPEN))
    await world.forward("3m")
    assert world.jira.issues["OPS-1"]["progress"] == "new", "reopened here, and moved there"
    (incident,) = await world.incidents()
    assert incident.actions[0].status is ActionStatus.OPEN


async def test_what_is_on_its_way_to_jira_is_not_taken_back_from_there(world: World) -> None:
    await opened(world)
    await world.post(notification(alert(annotations={"error_rate": "12%"})))
    await act(world, AddAction(title="Add an index", owner="alice"))
    await act(world, ChangeAction(n=1, status=ActionStatus.DONE))
    await world.forward("2m")
    world.jira.script.extend(Answer(503) for _ in range(3))
    await act(world, ChangeAction(n=1, status=ActionStatus.OPEN))
    await world.forward("3m")
    (incident,) = await world.incidents()
    assert incident.actions[0].status is ActionStatus.OPEN
    assert world.jira.issues["OPS-1"]["progress"] == "new"


async def test_what_was_done_from_here_is_not_taken_for_theirs(world: World) -> None:
    await opened(world)
    await world.post(notification(alert(annotations={"error_rate": "12%"})))
    await act(world, AddAction(title="Add an index", owner="alice"))
    await world.forward("90s")
    await act(world, ChangeAction(n=1, status=ActionStatus.DONE))
    # Jira was not queried between the two, and its index has the second one late.
    world.jira.script.extend(Answer(503) for _ in range(8))
    await act(world, ChangeAction(n=1, status=ActionStatus.OPEN))
    await world.forward("15m")
    (incident,) = await world.incidents()
    assert incident.actions[0].status is ActionStatus.OPEN
    assert world.jira.issues["OPS-1"]["progress"] == "new"
    world.jira.touch("OPS-1", "done")
    await world.forward("2m")
    (incident,) = await world.incidents()
    assert incident.actions[0].status is ActionStatus.DONE, "a person did that there"


async def test_what_a_workflow_makes_of_a_reopening_is_no_acknowledgement(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WORKFLOW, "done", [("41", "Reopen", "indeterminate")])
    await opened(world)
    await world.post(notification(alert(**LOW)))
    await act(world, Resolve(text="restarted"))
    await world.forward("2m")
    await act(world, Reopen(text="not yet"))
    assert world.jira.issues["OPS-1"]["progress"] == "indeterminate"
    await world.forward("2m")
    (incident,) = await world.incidents()
    assert incident.state is State.OPEN, "it is unassigned"


async def test_one_that_cannot_be_followed_keeps_no_other_from_being_heard(world: World) -> None:
    await opened(world)
    await world.post(notification(alert(**LOW)))
    await world.post(notification(alert(name="ReportSlow", labels={**LOW["labels"], "service": "web"}), group="web"))
    spoilt, good = await world.incidents()
    if label(good.uid) in world.jira.issues["OPS-1"]["fields"]["labels"]:
        spoilt, good = good, spoilt
    async with world.one.connection.guarded() as client:
        kept = await client.hget(world.one.connection.keys.incident(spoilt.uid), "state")
        await client.hset(world.one.connection.keys.incident(spoilt.uid), "state", '{"uid": "from a later version"}')
    for key in ("OPS-1", "OPS-2"):
        world.jira.touch(key, "done")
    for _ in range(30):
        world.clock.forward("5s")
        await world.quiet()
    found = await world.one.incidents.incident(good.uid)
    assert found is not None
    assert found.state is State.RESOLVED
    async with world.one.connection.guarded() as client:
        await client.hset(world.one.connection.keys.incident(spoilt.uid), "state", kept)
    await world.forward("2m")
    found = await world.one.incidents.incident(spoilt.uid)
    assert found is not None
    assert found.state is State.RESOLVED, "it is applied once it can be read"


async def test_a_copy_of_a_ticket_speaks_for_nobody(world: World) -> None:
    await opened(world)
    await world.post(notification(alert(**LOW)))
    await act(world, AddAction(title="Add an index", owner="alice"))
    await world.forward("2m")
    for key in ("OPS-1", "OPS-2"):
        world.jira.issues[f"{key}0"] = copy.deepcopy(world.jira.issues[key])
        world.jira.touch(f"{key}0", "done")
    await world.forward("2m")
    (incident,) = await world.incidents()
    assert incident.state is State.OPEN
    assert incident.actions[0].status is ActionStatus.OPEN


async def test_a_ticket_that_is_taken_and_done_in_jira_is_acknowledged_and_resolved_here(world: World) -> None:
    await opened(world)
    await world.post(notification(alert(**LOW)))
    world.jira.touch("OPS-1", "indeterminate")
    await world.forward("2m")
    (incident,) = await world.incidents()
    assert (incident.state, incident.acknowledged_by) == (State.ACKNOWLEDGED, "jira")
    world.jira.touch("OPS-1", "done")
    await world.forward("2m")
    (incident,) = await world.incidents()
    assert incident.state is State.RESOLVED
    assert world.jira.issues["OPS-1"]["comments"] == [], "changes from there are not sent back"


async def test_a_closed_ticket_does_not_end_an_incident_that_was_paged(world: World) -> None:
    await opened(world)
    await world.post(notification(alert(**LOW)))
    await act(world, Edit(severity=Severity.SEV2, text="worse"))
    world.jira.touch("OPS-1", "done")
    await world.forward("2m")
    (incident,) = await world.incidents()
    assert not incident.state.over
    notes = [e.text for e in await world.one.incidents.events(incident.uid) if e.kind is Kind.NOTE]
    assert notes == ["OPS-1 is done; the incident stays open: resolve it if it is over"]


async def test_jira_that_does_not_answer_is_asked_again(world: World) -> None:
    await opened(world)
    await world.post(notification(alert(annotations={"error_rate": "12%"})))
    await act(world, AddAction(title="Add an index", owner="alice"))
    world.jira.touch("OPS-1", "done")
    world.jira.script.extend(Answer(503) for _ in range(2))
    await world.forward("4m")
    (incident,) = await world.incidents()
    assert incident.actions[0].status is ActionStatus.DONE


@pytest.mark.parametrize("opted_in", [False, True])
async def test_a_private_incident_has_a_ticket_only_where_the_channel_is_configured_for_it(
    world: World, opted_in: bool
) -> None:
    def private(config: Config) -> Config:
        tickets = config.channels["tickets"].model_copy(update={"private_incidents": opted_in})
        incidents = config.incidents.model_copy(update={"visibility": "team"})
        return config.model_copy(update={"channels": {**config.channels, "tickets": tickets}, "incidents": incidents})

    await world.site.start()
    env = {"JIRA_URL": world.site.url, "JIRA_USER": USER, "JIRA_TOKEN": TOKEN}
    configured = private(world.configuration(**env))
    world.configuration = lambda **more: configured  # type: ignore[method-assign]
    await world.replica()
    await world.post(notification(alert(**LOW)))
    await act(world, AddAction(title="Zanzibar", owner="alice"))
    (incident,) = await world.incidents()
    found = [issue["fields"]["summary"] for issue in world.jira.issues.values()]
    assert found == (["[SEV-4] private incident"] if opted_in else [])
    assert not any(word in str(world.jira.issues) for word in ("DashboardSlow", "Zanzibar"))
    await act(world, Resolve(text="over"))
    assert [issue["progress"] for issue in world.jira.issues.values()] == (["done"] if opted_in else [])
    assert incident.private
