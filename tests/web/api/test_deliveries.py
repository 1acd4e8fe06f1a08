"""Dead letters are listed, retried and dropped; channels are tested; a drill counts in no figure."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from receiver.model.incident.state import State
from receiver.pipeline.delivery.circuit_breaker import CircuitBreaker
from tests.cli.test_service_client import receiver
from tests.fakes import Answer
from tests.stories.world import alert, notification
from tests.web.conftest import ADMIN, READ, House

INVALID = Answer(status=400, body={"status": "invalid event"})
UNAVAILABLE = Answer(status=503, body={})
LETTERS = "/api/v1/dead-letters"


@pytest.fixture
async def parked(house: House) -> House:
    """A house with an incident whose chat message was rejected permanently."""
    house.world.slack.refused["chat.postMessage"] = "channel_not_found"
    await house.world.post(notification(alert("AuthFailing")))
    return house


async def test_a_dead_letter_is_retried_with_the_newest_state(parked: House) -> None:
    code, out, _ = await receiver(parked, "admin-token", "dead-letters", "list")
    assert (code, out.count("\n")) == (0, 1)
    number = out.split()[0]
    assert "client_error: chat.postMessage returned channel_not_found" in out
    code, out, _ = await receiver(parked, "admin-token", "dead-letters", "show", number)
    assert f"id: {number}\n" in out
    assert "incident: INC-2026-0001\n" in out
    del parked.world.slack.refused["chat.postMessage"]
    await parked.world.post(notification(alert("AuthFailing", firing=False)))
    parked.world.slack.messages.clear()
    code, out, _ = await receiver(parked, "admin-token", "dead-letters", "list")
    assert out.startswith("none:"), "a new event retries it automatically"


async def test_all_of_a_channel_or_one(parked: House) -> None:
    await parked.world.post(notification(alert("AuthDown"), group="other"))
    _, page = await parked.get(LETTERS, ADMIN)
    first, second = (item["id"] for item in page["items"])
    del parked.world.slack.refused["chat.postMessage"]
    for words, code in (
        (("replay",), 2),
        (("replay", first, "--all"), 2),
        (("replay", "nothing"), 1),
        (("show", "no"), 1),
    ):
        assert (await receiver(parked, "admin-token", "dead-letters", *words))[0] == code
    assert (await receiver(parked, "admin-token", "dead-letters", "drop", first))[1].startswith(f"dropped: {first}")
    assert (await receiver(parked, "admin-token", "dead-letters", "drop", first))[0] == 1
    assert (
        "nothing to retry" in (await receiver(parked, "admin-token", "dead-letters", "replay", "--channel", "pager"))[1]
    )
    code, out, _ = await receiver(parked, "admin-token", "dead-letters", "replay", "--channel", "chat")
    assert (code, out.split()[2]) == (0, second)
    await parked.world.quiet()
    assert len(parked.world.slack.parents) == 1
    assert (await parked.get(LETTERS, ADMIN))[1]["items"] == []
    assert (await parked.get(LETTERS, READ))[0] == 403


async def test_one_of_many_that_cannot_be_keeps_no_other_from_it(parked: House) -> None:
    await parked.world.post(notification(alert("AuthDown"), group="other"))
    _, page = await parked.get(LETTERS, ADMIN)
    first, second = (item["id"] for item in page["items"])
    del parked.world.slack.refused["chat.postMessage"]
    code, out, err = await receiver(parked, "admin-token", "dead-letters", "replay", first, "nothing", second, first)
    assert code == 1
    assert [line.split()[2] for line in out.splitlines()] == [first, second]
    assert "there is no dead letter nothing" in err
    assert err.splitlines()[-1] == "not tried again: nothing"
    await parked.world.quiet()
    assert len(parked.world.slack.parents) == 2


async def test_nor_from_being_dropped(parked: House) -> None:
    (letter,) = (await parked.get(LETTERS, ADMIN))[1]["items"]
    code, out, err = await receiver(parked, "admin-token", "dead-letters", "drop", "nothing", letter["id"])
    assert (code, out.startswith(f"dropped: {letter['id']}")) == (1, True)
    assert err.splitlines()[-1] == "not dropped: nothing"
    assert (await receiver(parked, "wrong-token", "dead-letters", "drop", "a", "b"))[0] == 1


async def test_a_dead_letter_that_is_retried_many_times_at_once_is_sent_once(parked: House) -> None:
    del parked.world.slack.refused["chat.postMessage"]
    (letter,) = (await parked.get(LETTERS, ADMIN))[1]["items"]
    path = f"{LETTERS}/{letter['id']}/replay"

    async def again(path: str) -> int:
        async with parked.client.post(path, headers=ADMIN) as response:
            return response.status

    found = await asyncio.gather(*(again(path) for _ in range(6)), *(again(f"{LETTERS}/replay") for _ in range(3)))
    one, every = found[:6], found[6:]
    assert one.count(200) + one.count(404) == 6
    assert one.count(200) <= 1, "the caller who gets this response has retried it"
    assert every == [200, 200, 200]
    await parked.world.quiet()
    assert len(parked.world.slack.parents) == 1
    assert (await parked.get(LETTERS, ADMIN))[1]["items"] == []


async def test_what_cannot_be_replayed_says_why_and_stays(parked: House) -> None:
    (letter,) = (await parked.get(LETTERS, ADMIN))[1]["items"]
    for words, why in (
        (("--channel", "chatt"), 'no channel is named "chatt" (did you mean chat?)'),
        (("nothing",), "there is no dead letter nothing"),
    ):
        code, _, err = await receiver(parked, "admin-token", "dead-letters", "replay", *words)
        assert (code, why in err) == (1, True), (words, err)
    kept, gone = parked.replica.setting, dict(parked.replica.setting.channels)
    del gone["chat"]
    parked.replica.setting = replace(kept, channels=gone)
    for words in ((letter["id"],), ("--channel", "chat")):
        code, _, err = await receiver(parked, "admin-token", "dead-letters", "replay", *words)
        assert (code, "channel chat is no longer configured" in err) == (1, True), (words, err)
    assert "nothing to retry" in (await receiver(parked, "admin-token", "dead-letters", "replay", "--all"))[1]
    parked.replica.setting = kept
    connection = parked.replica.connection
    async with connection.guarded() as client:
        await client.delete(connection.keys.row(letter["row"]))
    code, _, err = await receiver(parked, "admin-token", "dead-letters", "replay", letter["id"])
    assert (code, "no longer in the history" in err) == (1, True), err
    assert [one["id"] for one in (await parked.get(LETTERS, ADMIN))[1]["items"]] == [letter["id"]]


async def test_a_page_that_is_replayed_after_the_end_rings_nobody(house: House) -> None:
    house.world.pagerduty.script.extend([INVALID])
    await house.world.post(notification(alert("AuthFailing")))
    rung = len(house.world.rung())
    (letter,) = [one for one in (await house.get(LETTERS, ADMIN))[1]["items"] if one["channel"] == "pager"]
    await house.world.post(notification(alert("AuthFailing", firing=False)))
    await house.world.forward("16m")
    assert [one.state for one in await house.world.incidents()] == [State.RESOLVED]
    async with house.client.post(f"{LETTERS}/{letter['id']}/replay", headers=ADMIN) as response:
        assert response.status in (200, 404)
    await house.world.quiet()
    assert len(house.world.rung()) == rung


async def test_every_channel_says_how_it_does(house: House) -> None:
    _, page = await house.get("/api/v1/channels")
    found = {one["name"]: one for one in page["items"]}
    assert (found["chat"]["on"], found["chat"]["uses"], found["pager"]["uses"]) == (True, ["informs"], ["paging"])
    assert (found["hook"]["on"], found["hook"]["why"]) == (False, "url is empty")
    code, out, _ = await receiver(house, "respond-token", "channels", "list")
    assert code == 0
    assert "chat  slack  on\n" in out
    house.replica.work.deliver.health.last_errors["pager"] = "auth: returned 401"
    house.replica.work.deliver.health.last_error_times["pager"] = house.world.clock.now()
    _, out, _ = await receiver(house, "respond-token", "channels", "list")
    assert "pager  pagerduty  on  last error at 2026-11-23T14:02:20.000Z: auth: returned 401\n" in out
    house.replica.work.deliver.health.circuits["chat"] = CircuitBreaker(
        5, 1, house.world.clock.now() + timedelta(seconds=5)
    )
    house.replica.work.deliver.health.last_errors["chat"] = "connection: slack.com refused it"
    _, out, _ = await receiver(house, "respond-token", "channels", "list")
    (line,) = [one for one in out.splitlines() if one.startswith("chat ")]
    assert line.startswith("chat  slack  on  paused: messages wait until 2026-")
    assert line.endswith("; the last error: connection: slack.com refused it")


async def test_a_failed_page_is_a_warning_with_the_error(house: House) -> None:
    house.world.pagerduty.script.extend([UNAVAILABLE])
    with capture_logs() as lines:
        await house.world.post(notification(alert("AuthFailing")))
    (line,) = [one for one in lines if one["event"] == "delivery_failed"]
    assert (line["log_level"], line["channel"], line["person"]) == ("warning", "pager", "alice")
    assert (line["incident"], line["reason"]) == ("INC-2026-0001", "server_error")
    assert "503" in line["error"]
    assert line["retried_at"].startswith("2026-")


async def test_a_test_is_sent_and_says_that_it_is_one(house: House) -> None:
    code, out, _ = await receiver(house, "admin-token", "channels", "test", "chat")
    assert (code, out.startswith("chat: ok: accepted by 127.0.0.1:")) == (0, True)
    assert "Test message, sent by admin" in str(house.world.slack.messages[-1])
    code, out, _ = await receiver(house, "admin-token", "channels", "test", "pager", "--to", "@alice")
    assert code == 0
    actions = [entry["body"]["event_action"] for entry in house.world.pagerduty.taken]
    assert actions == ["trigger", "resolve"]
    assert house.world.pagerduty.open() == []


async def test_a_test_that_fails_says_what_would_be_right(house: House) -> None:
    house.world.slack.refused["chat.postMessage"] = "invalid_auth"
    code, out, _ = await receiver(house, "admin-token", "channels", "test", "chat")
    assert code == 1
    assert "chat: auth: " in out
    assert "check it in the configuration" in out
    for words, why in (
        (("pager",), "needs a person"), (("pager", "--to", "nobody"), "no person is named \"nobody\" (people: "),
        (("chatt",), "did you mean chat?"), (("hook",), "is off: url is empty"),
        (("pager", "--to", "legal"), "no address"),
    ):  # fmt: skip
        code, _, err = await receiver(house, "admin-token", "channels", "test", *words)
        assert (code, why in err) == (1, True), (words, err)
    assert (await receiver(house, "respond-token", "channels", "test", "chat"))[0] == 1


async def test_me_is_whoever_is_the_only_one_with_an_address_there(house: House) -> None:
    code, _, err = await receiver(house, "admin-token", "channels", "test", "pager", "--to", "me")
    assert (code, 'no person is named "me" (people: alice, ' in err) == (1, True), err
    setting = house.parts.setting()
    people = setting.policy.directory.people
    one = {key: person.model_copy(update={} if key == "bob" else {"addresses": {}}) for key, person in people.items()}
    policy = replace(setting.policy, directory=replace(setting.policy.directory, people=one))
    house.parts.channel_test.setting = lambda: replace(setting, policy=policy)
    code, out, err = await receiver(house, "admin-token", "channels", "test", "pager", "--to", "me")
    assert (code, err) == (0, "")
    assert out.startswith("pager: ok")


async def test_a_drill_is_marked_everywhere_and_counted_nowhere(house: House) -> None:
    code, out, _ = await receiver(house, "respond-token", "drill", "--severity", "1", "--format", "json")
    assert (code, json.loads(out)["drill"]) == (0, True)
    await house.world.quiet()
    summaries = {entry["body"]["payload"]["summary"] for entry in house.world.pagerduty.taken}
    assert summaries == {"DRILL [SEV-1] Drill: nothing is wrong (INC-2026-0001)"}
    (message,) = house.world.slack.parents
    assert message["blocks"][0]["text"]["text"].startswith("DRILL SEV-1")
    assert message["text"].startswith("DRILL [SEV-1]")
    for sample in house.parts.metrics.registry.collect():
        for one in sample.samples:
            if one.name in ("receiver_incidents_opened_total", "receiver_pages_total"):
                assert one.value == 0
    _, public = await house.get("/status/api/v2/summary.json")
    assert public["incidents"] == []
