"""The pager is unavailable: its person is paged by a fallback channel within seconds, once, and the page is retried."""

from __future__ import annotations

import pytest

from receiver.model.command import Acknowledge, AddNote, PageContact
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.sources.http_client import SourceAnswer
from tests.fakes import Answer
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")
BOB = Actor(kind=ActorKind.API, name="bob")
DOWN = Answer(status=503)


async def detours(world: World) -> list[str]:
    """Return the log's entries about fallback channels, in order."""
    (incident,) = await world.incidents()
    return [e.text for e in await world.one.incidents.events(incident.uid) if e.kind is Kind.SECOND_ROAD]


def calls(world: World) -> list[str]:
    """Return the chat messages about the unavailable pager."""
    found = [str(message["blocks"]) for message in world.slack.messages]
    return [text for text in found if "cannot be reached" in text or "rejected the page" in text]


def away(world: World, times: int = 200) -> None:
    """Let the pager refuse everything."""
    world.pagerduty.script.extend([DOWN] * times)


async def test_chat_pages_once_while_the_pager_fails_and_the_page_is_retried(world: World) -> None:
    await world.open(2)
    away(world)
    await world.post(notification(alert("AuthFailing")))
    await world.forward("5s")
    (said,) = await detours(world)
    assert said.startswith("pager cannot be reached (server error): the page to alice for on-call; sent by chat")
    (message,) = calls(world)
    assert "<@U0ALICE>" in message
    await world.forward("5m")
    assert len(await detours(world)) == len(calls(world)) == 1
    assert world.pagerduty.rung == 0
    world.pagerduty.script.clear()
    await world.forward("1m")
    assert world.rung() == ["alice"]


@pytest.mark.parametrize("answers", [[DOWN] * 3, [Answer(reset="before")] * 2, [Answer(reset="after")] * 2])
async def test_chat_that_was_unavailable_too_pages_with_its_first_message(world: World, answers: list[Answer]) -> None:
    await world.open()
    away(world)
    world.slack.script.extend(answers)
    await world.post(notification(alert("AuthFailing")))
    await world.forward("1m")
    # The incident and the page were posted together: the page is still a mention.
    (message,) = calls(world)
    assert "<@U0ALICE>" in message
    assert len(world.slack.parents) == 1


async def test_a_deleted_chat_message_loses_no_page(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    world.slack.messages.clear()
    await world.one.respond.act("INC-2026-0001", AddNote(text="looking at the tokens"), BOB, world.clock.now())
    await world.forward("10s")
    assert "looking at the tokens" in str(world.slack.messages[-1]["blocks"])
    world.slack.messages.clear()
    away(world)
    await world.one.respond.act("INC-2026-0001", PageContact(contact="cto", text="come"), BOB, world.clock.now())
    await world.forward("1m")
    assert "<@U0CTO>" in calls(world)[-1]


async def test_an_acknowledgement_before_the_retry_stops_the_page(world: World) -> None:
    await world.open()
    away(world)
    await world.post(notification(alert("AuthFailing")))
    await world.forward("10s")
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    world.pagerduty.script.clear()
    await world.forward("2m")
    assert world.pagerduty.rung == 0


async def test_a_page_that_is_delivered_at_once_uses_no_fallback_channel(world: World) -> None:
    await world.open()
    world.pagerduty.script.append(DOWN)
    await world.post(notification(alert("AuthFailing")))
    await world.forward("10s")
    assert world.rung() == ["alice"]
    assert await detours(world) == []


async def test_the_fallback_channel_pages_everyone_who_is_paged(world: World) -> None:
    await world.open()
    away(world)
    await world.post(notification(alert("ApiDown")))
    await world.forward("5s")
    assert sorted(text.split("the page to ")[1].split()[0] for text in await detours(world)) == ["alice", "eng-lead"]
    assert "<@U0LEAD>" in "".join(calls(world))


async def test_a_page_outside_any_incident_too(world: World) -> None:
    await world.open()
    away(world)
    await world.one.calls.page("backend-oncall", "come", ALICE, world.clock.now())
    await world.forward("10s")
    (message,) = calls(world)
    assert "come (from alice)" in message
    assert "<@U0ALICE>" in message


async def test_the_circuit_opens_and_the_heartbeat_stops(world: World) -> None:
    url = "https://beat.example.com/receiver"
    world.outside.answers[url] = SourceAnswer(200, b"")
    await world.open(HEARTBEAT_URL=url)
    world.one.heartbeat.source_client = world.outside
    away(world)
    await world.post(notification(alert("ApiDown")))
    await world.forward("30s")
    assert world.one.metrics.registry.get_sample_value("receiver_circuit_open", {"channel": "pager"}) == 1
    before = world.outside.asked.count(url)
    await world.forward("3m")
    assert world.outside.asked.count(url) == before
    world.pagerduty.script.clear()
    await world.forward("3m")
    assert world.one.metrics.registry.get_sample_value("receiver_circuit_open", {"channel": "pager"}) == 0
    assert world.outside.asked.count(url) > before


async def test_a_vendor_that_is_away_is_not_hammered(world: World) -> None:
    await world.open()
    world.slack.script.extend([DOWN] * 500)
    for number in range(15):
        await world.post(notification(alert("AuthFailing", labels={"n": str(number)}), group=f"g{number}"))
    before = len(world.slack.taken) + len([e for e in world.slack.ledger.entries if e["vendor"] == "slack"])
    await world.forward("2m")
    asked = len(world.slack.taken) + len([e for e in world.slack.ledger.entries if e["vendor"] == "slack"]) - before
    assert asked <= 12, "one is attempted after each pause, the others wait"
    world.slack.script.clear()
    await world.forward("3m")
    assert len(world.slack.parents) == 15


async def test_a_page_that_is_refused_for_good_takes_it_at_once(world: World) -> None:
    await world.open()
    world.pagerduty.script.extend([Answer(status=400, body={"status": "invalid event"})] * 50)
    await world.post(notification(alert("AuthFailing")))
    said = await detours(world)
    assert said[0].startswith("pager rejected the page to alice for on-call; sent by chat")
    assert "<@U0ALICE>" in calls(world)[0]
    again = len(said)
    await world.forward("1m")
    assert len(await detours(world)) == again


@pytest.mark.parametrize("status", [401, 403, 404, 407, 451])
async def test_what_a_proxy_refuses_is_made_good_once_it_is_out_of_the_way(world: World, status: int) -> None:
    await world.open()
    world.pagerduty.script.extend([Answer(status=status, body="<html>not from here</html>")] * 3)
    await world.post(notification(alert("AuthFailing")))
    await world.forward("5s")
    assert len(await detours(world)) == len(calls(world)) == 1
    await world.forward("1m")
    assert world.rung() == ["alice"]
    assert await world.one.due.letters.all() == {}


async def test_a_page_is_not_put_off_for_as_long_as_a_vendor_says(world: World) -> None:
    await world.open()
    world.pagerduty.script.append(Answer(status=503, headers={"Retry-After": "3600"}))
    await world.post(notification(alert("AuthFailing")))
    assert len(calls(world)) == 1
    await world.forward("65s")
    assert world.rung() == ["alice"]


async def test_a_permanently_refused_acknowledgement_pages_no_one(world: World) -> None:
    await world.open()
    await world.post(notification(alert("AuthFailing")))
    world.pagerduty.script.append(Answer(status=400, body={"status": "invalid event"}))
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.forward("2m")
    assert world.rung() == ["alice"], "it is answered: her backup is not paged"
    assert await detours(world) == []
    (letter,) = (await world.one.due.letters.all()).values()
    assert letter["action"] == "acknowledge"


async def test_nor_does_a_page_that_is_refused_after_somebody_has_answered(world: World) -> None:
    await world.open()
    world.pagerduty.script.append(DOWN)
    await world.post(notification(alert("AuthFailing")))
    incident = (await world.incidents())[0]
    (row,) = await world.one.due.claim("pager!", round(world.clock.now().timestamp() * 1000) + 60_000, 1)
    await world.one.respond.act("INC-2026-0001", Acknowledge(), BOB, world.clock.now())
    await world.one.work.deliver.results.listener.page_failed(row, incident, "client_error")
    await world.forward("2m")
    assert world.rung() == []


async def test_so_does_one_outside_any_incident(world: World) -> None:
    await world.open()
    world.pagerduty.script.append(Answer(status=400, body={"status": "invalid event"}))
    await world.one.calls.page("backend-oncall", "come", ALICE, world.clock.now())
    await world.forward("1s")
    (message,) = calls(world)
    assert "come (from alice)" in message
    assert "<@U0ALICE>" in message


async def test_a_raised_severity_pages_those_whose_page_was_never_sent(world: World) -> None:
    await world.open()
    world.pagerduty.script.extend([DOWN])
    await world.post(notification(alert("AuthFailing")))
    await world.one.respond.act("INC-2026-0001", Acknowledge(), BOB, world.clock.now())
    await world.forward("1m")
    assert world.pagerduty.rung == 0, "it was answered before it was sent"
    worst = alert("AuthFailing", labels={"scope": "all_users"}, annotations={"error_rate": "61%"})
    await world.post(notification(alert("AuthFailing"), worst))
    await world.forward("1m")
    (incident,) = await world.incidents()
    assert incident.severity == "SEV-1"
    assert sorted(world.rung()) == ["alice", "bob", "eng-lead"], "bob has acknowledged: a worse alert is new to him"
    assert world.pagerduty.rung == 3
    # This page is answered by the next acknowledgement, not by the previous one.
    assert {entry["status"] for entry in world.pagerduty.alerts.values()} == {"triggered"}
    await world.one.respond.act("INC-2026-0001", AddNote(text="looking"), BOB, world.clock.now())
    await world.quiet()
    assert {entry["status"] for entry in world.pagerduty.alerts.values()} == {"triggered"}
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.quiet()
    assert {entry["status"] for entry in world.pagerduty.alerts.values()} == {"acknowledged"}
