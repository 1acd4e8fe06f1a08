"""The life of an incident from Alertmanager, from the first alert to its resolution."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.incident.log.notification_outcome import Outcome
from receiver.model.command import Acknowledge, PageContact
from receiver.model.incident.state import State
from tests.stories.test_escalation import ALICE
from tests.stories.world import World, alert, notification

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%", "summary": "Error rate 7.3%"}}
EVERYONE: dict[str, Any] = {"labels": {"scope": "all_users"}, "annotations": {"error_rate": "61%"}}


async def test_it_opens_pages_once_watches_and_resolves(world: World) -> None:
    await world.open()
    answer = await world.post(notification(alert(**HIGH)))
    assert [(s.incident, s.severity, s.outcome) for s in answer.parts] == [("INC-2026-0001", "SEV-2", Outcome.OPENED)]
    assert world.rung() == ["alice"]
    assert len(world.slack.parents) == 1

    await world.forward("5m")
    answer = await world.post(notification(alert(firing=False, **HIGH)))
    assert answer.foremost.outcome is Outcome.RESOLVED
    assert (await world.incidents())[0].state is State.MONITORING
    assert (world.sent("resolve"), world.sent("acknowledge")) == (world.sent(), []), "the phone is cleared"
    await world.forward("14m")
    assert (await world.incidents())[0].state is State.MONITORING
    await world.forward("2m")
    incident = (await world.incidents())[0]
    assert incident.state is State.RESOLVED
    assert world.sent("resolve") == world.sent()
    assert world.pagerduty.open() == []
    assert len(world.slack.parents) == 1


async def test_the_same_again_is_a_duplicate_whoever_sends_it(world: World) -> None:
    await world.open(replicas=2)
    body = notification(alert(**HIGH), alert("Other"))
    await world.post(body)
    peer = notification(alert("Other"), alert(**HIGH), externalURL="http://other:9093", notification_reason="repeat")
    for replica in (0, 1, 0, 1):
        answer = await world.post(peer, to=replica)
        assert answer.foremost.outcome is Outcome.DUPLICATE
        assert answer.foremost.incident == "INC-2026-0001"
    assert world.rung() == ["alice"]
    assert len(await world.incidents()) == 1


async def test_sev1_pages_on_call_and_lead_and_informs_executives(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**EVERYONE)))
    assert sorted(world.rung()) == ["alice", "eng-lead"]
    incident = (await world.incidents())[0]
    assert incident.notified == ("vp-eng", "cto", "ceo", "cs-lead")


async def test_a_raised_severity_pages_only_who_was_not_paged(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    answer = await world.post(notification(alert(**HIGH), alert("ApiDown")))
    assert (answer.foremost.severity, answer.foremost.outcome) == ("SEV-1", Outcome.UPDATED)
    assert world.rung() == ["alice", "eng-lead"]


async def test_firing_again_while_watched_notifies_the_same_people_again(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    await world.post(notification(alert(firing=False, **HIGH)))
    await world.forward("5m")
    answer = await world.post(notification(alert(starts="2026-11-23T14:06:00Z", **HIGH)))
    assert answer.foremost.outcome is Outcome.UPDATED
    assert (await world.incidents())[0].state is State.OPEN
    await world.forward("9m")
    (incident,) = await world.incidents()
    assert (incident.state, incident.flaps) == (State.OPEN, 1)
    assert world.rung() == ["alice", "alice"]
    assert [key for _, key in world.pagerduty.open()] == [world.sent()[1]]


async def test_firing_again_soon_after_resolution_reopens_and_rings_again(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    await world.post(notification(alert(firing=False, **HIGH)))
    await world.forward("16m")
    answer = await world.post(notification(alert(starts="2026-11-23T14:18:00Z", **HIGH)))
    assert (answer.foremost.incident, answer.foremost.outcome) == ("INC-2026-0001", Outcome.REOPENED)
    assert world.rung() == ["alice", "alice"]
    assert len(set(world.sent())) == 2
    assert [key for _, key in world.pagerduty.open()] == [world.sent()[1]]
    await world.post(notification(alert(firing=False, starts="2026-11-23T14:18:00Z", **HIGH)))
    await world.forward("16m")
    assert world.pagerduty.open() == []


async def test_long_after_resolution_another_incident_opens(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    await world.post(notification(alert(firing=False, **HIGH)))
    await world.forward("90m")
    answer = await world.post(notification(alert(starts="2026-11-23T15:30:00Z", **HIGH)))
    assert (answer.foremost.incident, answer.foremost.outcome) == ("INC-2026-0002", Outcome.OPENED)


async def test_a_copy_of_the_beginning_after_the_end_is_held_and_dropped(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    await world.post(notification(alert(firing=False, **HIGH)))
    await world.post(notification(alert(**HIGH)))
    assert (await world.incidents())[0].state is State.MONITORING
    await world.forward("30s")
    await world.post(notification(alert(firing=False, **HIGH)))
    await world.forward("16m")
    assert (await world.incidents())[0].state is State.RESOLVED
    assert world.rung() == ["alice"]


async def test_firing_wins_when_nothing_ends_it_within_the_hold(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    await world.post(notification(alert(firing=False, **HIGH)))
    await world.forward("16m")
    await world.post(notification(alert(**HIGH)))
    assert (await world.incidents())[0].state is State.RESOLVED
    await world.forward("61s")
    assert (await world.incidents())[0].state is State.OPEN
    assert world.rung() == ["alice", "alice"]


async def test_an_end_before_its_beginning_opens_nothing_at_once(world: World) -> None:
    await world.open()
    answer = await world.post(notification(alert(firing=False, **HIGH)))
    assert (answer.foremost.incident, answer.foremost.outcome) == (None, Outcome.IGNORED)
    answer = await world.post(notification(alert(**HIGH)))
    assert answer.foremost.outcome is Outcome.IGNORED
    assert world.rung() == []
    await world.forward("61s")
    assert world.rung() == ["alice"]


@pytest.mark.killed_in_turn
async def test_cut_notifications_resolve_nothing(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH), alert("Other"), truncated=3))
    await world.post(notification(alert(firing=False, **HIGH), alert("Other", firing=False), truncated=3))
    await world.forward("2h")
    incident = (await world.incidents())[0]
    assert incident.state is State.OPEN
    assert world.sent("resolve") == world.sent("acknowledge") == []


@pytest.mark.killed_in_turn
async def test_a_cut_notification_of_one_tenant_pages(world: World) -> None:
    await world.open()
    auth = alert("AuthFailing", labels={"tenant": "acme"})
    await world.post(notification(auth, truncated=50))
    assert ((await world.incidents())[0].severity, world.rung()) == ("SEV-2", ["alice"])
    # The listed alerts change, and the truncated ones stay: the next replica applies no cap either.
    await world.forward("5m")
    await world.post(notification(auth, alert("AuthFailing", labels={"tenant": "acme", "pod": "b"}), truncated=49))
    await world.forward("11m")
    (incident,) = await world.incidents()
    assert (incident.severity, incident.state) == ("SEV-2", State.OPEN)
    assert "eng-lead" in world.rung(), "nobody has answered"
    await world.post(notification(alert("AuthFailing", labels={"tenant": "acme"}, firing=False), truncated=50))
    await world.forward("1h")
    assert (await world.incidents())[0].state is State.OPEN


@pytest.mark.killed_in_turn
async def test_a_whole_notification_of_one_tenant_pages_nobody_until_it_is_cut(world: World) -> None:
    await world.open()
    auth = alert("AuthFailing", labels={"tenant": "acme"})
    await world.post(notification(auth))
    await world.forward("5m")
    assert ((await world.incidents())[0].severity, world.rung()) == ("SEV-3", [])
    await world.post(notification(auth, truncated=50))
    assert ((await world.incidents())[0].severity, world.rung()) == ("SEV-2", ["alice"])


async def test_absence_resolves_nothing(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH), alert("Other")))
    await world.post(notification(alert("Other")))
    await world.post(notification(alert("Other", firing=False)))
    await world.forward("2h")
    incident = (await world.incidents())[0]
    assert (incident.state, incident.firing) == (State.OPEN, 1)


async def test_another_group_of_the_same_alerts_joins_without_a_page(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    answer = await world.post(notification(alert(**HIGH), group="by-service"))
    assert (answer.foremost.incident, answer.foremost.outcome) == ("INC-2026-0001", Outcome.UPDATED)
    assert world.rung() == ["alice"]
    await world.post(notification(alert(firing=False, **HIGH), group="by-service"))
    assert (await world.incidents())[0].state is State.MONITORING


async def test_an_old_end_cannot_close_a_newer_beginning(world: World) -> None:
    await world.open()
    await world.post(notification(alert(starts="2026-11-23T14:02:00Z", **HIGH)))
    earlier = alert(firing=False, starts="2026-11-23T13:00:00Z", ends="2026-11-23T13:30:00Z", **HIGH)
    await world.post(notification(earlier))
    assert (await world.incidents())[0].state is State.OPEN


async def test_an_end_whose_beginning_has_moved_back_is_its_end(world: World) -> None:
    await world.open()
    await world.post(notification(alert(starts="2026-11-23T14:02:11Z", **HIGH)))
    await world.forward("5m")
    moved = alert(firing=False, starts="2026-11-23T14:02:01Z", ends="2026-11-23T14:07:00Z", **HIGH)
    await world.post(notification(moved))
    await world.forward("20m")
    assert ((await world.incidents())[0].state, world.rung()) == (State.RESOLVED, ["alice"])


async def test_the_watchdog_is_a_heartbeat_and_no_incident(world: World) -> None:
    await world.open()
    answer = await world.post(notification(alert("Watchdog")))
    assert (answer.foremost.incident, answer.foremost.outcome) == (None, Outcome.IGNORED)
    assert await world.incidents() == []
    assert await world.one.intake.watchdogs.last_ms() == round(world.clock.now().timestamp() * 1000)


async def test_whom_a_person_calls_while_it_is_watched_is_paged(world: World) -> None:
    await world.open()
    await world.post(notification(alert(**HIGH)))
    await world.post(notification(alert(firing=False, **HIGH)))
    await world.forward("1m")
    call = PageContact(contact="cto", text="is this the fix that you meant?")
    await world.one.respond.act("INC-2026-0001", call, ALICE, world.clock.now())
    await world.quiet()
    assert world.rung() == ["alice", "cto"]
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.quiet()
    assert [one["status"] for one in world.pagerduty.alerts.values()] == ["resolved", "acknowledged"]
    await world.forward("15m")
    assert [one["status"] for one in world.pagerduty.alerts.values()] == ["resolved", "resolved"]
