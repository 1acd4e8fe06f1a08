"""The responses to Alertmanager for every body and every state of the service."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from receiver.model.alert.alert import Notification, parse_notification
from receiver.store.client.connection import StoreAway
from receiver.web.http import body_reader
from receiver.web.webhooks import admission_queue, alertmanager, notification_acceptance
from tests.stories.world import alert, notification
from tests.web.conftest import INGEST, JSON, PATH, House, Opened

GOOD = notification(alert(annotations={"error_rate": "7.3%"}))


async def stored(house: House) -> int:
    return len(await house.replica.incidents.listing())


async def test_taken_means_durable_and_says_what_became_of_it(house: House) -> None:
    status, answer = await house.post(GOOD)
    assert status == 200
    assert answer == {"incident": "INC-2026-0001", "severity": "SEV-2", "outcome": "opened", "reason": "opened"}
    assert (await house.post(GOOD))[1]["outcome"] == "duplicate"
    assert await stored(house) == 1
    assert (house.counted("opened"), house.counted("duplicate")) == (1, 1)


async def test_what_says_nothing_is_ignored_without_an_incident(house: House) -> None:
    status, answer = await house.post(notification(alert(firing=False)))
    assert (status, answer["incident"], answer["severity"], answer["outcome"]) == (200, None, None, "ignored")


async def test_a_trailing_slash_is_the_same_door(house: House) -> None:
    async with house.client.post(f"{PATH}/", data=GOOD, headers=INGEST | JSON, allow_redirects=False) as response:
        assert response.status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", [PATH, f"{PATH}/"])
async def test_any_other_method_is_405_and_never_a_redirect(house: House, method: str, path: str) -> None:
    async with house.client.request(method, path, headers=INGEST, allow_redirects=False) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "POST"
        assert response.content_type == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        f"/{PATH}",
        f"{PATH}//",
        "/webhooks//alertmanager",
        "/webhooks/../webhooks/alertmanager/x",
        "/webhooks/Alertmanager",
        "/static/style.css",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/status/..%2f..%2fetc/passwd",
        "/%ED%A0%80",
        "/templates/base.html",
    ],
)
async def test_no_path_is_made_into_another(house: House, path: str) -> None:
    for method in ("GET", "POST"):
        # A client library would normalize the path.
        found = await raw_answer(
            house, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode()
        )
        assert b" 404 " in found.split(b"\r\n")[0]
        assert b"application/problem+json" in found
    assert await stored(house) == 0


BAD: dict[str, Any] = {
    "no JSON": b"alert!", "empty": b"", "an array": b"[]", "a number": b"7", "null": b"null", "half": GOOD[:-9],
    "version 3": GOOD.replace(b'"version": "4"', b'"version": "3"'), "UTF-16": GOOD.decode().encode("utf-16"),
    "version as a number": GOOD.replace(b'"version": "4"', b'"version": 4'), "nested": b"[" * 100_000,
    "no groupKey": GOOD.replace(b'"groupKey"', b'"other"'),
    "a list of alerts that is none": GOOD.replace(b'"alerts": [', b'"alerts": {"a": [').replace(b"}]}", b"}]}}"),
    "no alert that can be read": notification({"status": "firing"}, None),
}  # fmt: skip
IN_PART: dict[str, Any] = {
    "null in a label": GOOD.replace(b'"api"', b"null", 1),
    "a number in a label": GOOD.replace(b'"service": "api"', b'"service": 7'),
    "a negative number": GOOD.replace(b'"truncatedAlerts": 0', b'"truncatedAlerts": -1'),
    "NaN": GOOD.replace(b'"truncatedAlerts": 0', b'"truncatedAlerts": NaN'),
    "many labels": notification(alert(labels={f"l{n}": "x" for n in range(5000)})),
}


@pytest.mark.parametrize("raw", IN_PART.values(), ids=IN_PART.keys())
async def test_what_breaks_a_limit_is_taken_in_part(house: House, raw: bytes) -> None:
    status, answer = await house.post(raw)
    assert (status, answer["outcome"]) == (200, "opened")


@pytest.mark.parametrize("raw", BAD.values(), ids=BAD.keys())
async def test_what_can_never_be_taken_is_400_and_changes_nothing(house: House, raw: bytes) -> None:
    status, answer = await house.post(raw)
    assert status == 400
    assert answer["status"] == 400
    assert set(answer) <= {"type", "title", "status", "detail", "errors"}
    assert await stored(house) == 0
    assert house.counted("refused") == 1


async def test_a_bad_body_names_each_mistake(house: House) -> None:
    _, answer = await house.post(json.dumps({"version": "4", "receiver": "x", "status": "broken", "alerts": []}))
    assert {error["path"] for error in answer["errors"]} == {"groupKey", "status"}


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "", "json"]
)
async def test_another_media_type_is_415(house: House, kind: str | None) -> None:
    headers = INGEST | ({"Content-Type": kind} if kind is not None else {})
    skip = ["Content-Type"] if kind is None else []
    async with house.client.post(PATH, data=GOOD, headers=headers, skip_auto_headers=skip) as response:
        assert response.status == 415
    assert await stored(house) == 0


async def test_a_media_type_may_have_parameters(house: House) -> None:
    assert (await house.post(GOOD, **{"Content-Type": "Application/JSON; charset=utf-8"}))[0] == 200


@pytest.mark.parametrize(
    ("coding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes), ("GZip", gzip.compress),
     ("deflate", lambda raw: zlib.compress(raw, wbits=-15))],
)  # fmt: skip
async def test_a_packed_body_is_unpacked(house: House, coding: str, pack: Any) -> None:
    assert (await house.post(pack(GOOD), **{"Content-Encoding": coding}))[0] == 200


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "nonsense"])
async def test_an_unknown_coding_is_415(house: House, coding: str) -> None:
    status, answer = await house.post(GOOD, **{"Content-Encoding": coding})
    assert (status, answer["title"]) == (415, "Unsupported Media Type")


@pytest.mark.parametrize("raw", [b"garbage", gzip.compress(GOOD)[:-12], gzip.compress(GOOD) + b"more", b""])
async def test_a_broken_coding_is_400(house: House, raw: bytes) -> None:
    assert (await house.post(raw, **{"Content-Encoding": "gzip"}))[0] == 400


def small(config: Any) -> Any:
    return config.model_copy(update={"server": config.server.model_copy(update={"max_body": 10_000})})


async def test_too_large_is_413_however_it_comes(opened: Opened) -> None:
    house = await opened(small)
    large = notification(alert(annotations={f"a{n}": "x" * 100 for n in range(100)}))

    async def pieces() -> Any:
        for start in range(0, len(large), 1000):
            yield large[start : start + 1000]

    assert (await house.post(large))[0] == 413
    async with house.client.post(PATH, data=pieces(), headers=INGEST | JSON) as response:
        assert response.status == 413
    assert (await house.post(gzip.compress(large), **{"Content-Encoding": "gzip"}))[0] == 413
    assert (await house.post(gzip.compress(b" " * 50_000_000), **{"Content-Encoding": "gzip"}))[0] == 413
    assert await stored(house) == 0


async def test_a_body_in_chunks_is_taken(house: House) -> None:
    async def pieces() -> Any:
        for start in range(0, len(GOOD), 7):
            yield GOOD[start : start + 7]

    async with house.client.post(PATH, data=pieces(), headers=INGEST | JSON) as response:
        assert response.status == 200


async def raw_answer(house: House, request: bytes) -> bytes:
    """Return the response to raw bytes that no client library would send."""
    assert house.client.port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", house.client.port)
    writer.write(request)
    await writer.drain()
    found = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return found


def head(*lines: str) -> bytes:
    start = (f"POST {PATH} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *lines)
    return ("\r\n".join(start) + "\r\n\r\n").encode()


async def test_a_slow_body_is_408(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_reader, "BODY_LIMIT", 0.05)
    found = await raw_answer(house, head("Authorization: Bearer am-token", "Content-Length: 1000") + b"{")
    assert b" 408 " in found.split(b"\r\n")[0]


async def test_the_wrong_token_is_told_before_the_body_is_sent(house: House) -> None:
    found = await raw_answer(house, head("Authorization: Bearer wrong", "Content-Length: 1000", "Expect: 100-continue"))
    assert b" 401 " in found.split(b"\r\n")[0]


async def test_the_right_token_is_asked_for_the_body(house: House) -> None:
    lines = ("Authorization: Bearer am-token", f"Content-Length: {len(GOOD)}", "Expect: 100-continue")
    assert await raw_answer(house, head(*lines)) == b"HTTP/1.1 100 Continue\r\n\r\n"


async def test_two_lengths_are_refused(house: House) -> None:
    smuggled = head("Authorization: Bearer am-token", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n"
    assert b" 400 " in (await raw_answer(house, smuggled)).split(b"\r\n")[0]
    assert await stored(house) == 0


async def test_draining_is_503(house: House) -> None:
    house.state.draining = True
    assert (await house.post(GOOD))[0] == 503
    assert house.counted("unavailable") == 1


async def test_too_many_at_once_are_overloaded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission_queue, "MOST", 1)
    asked, go = asyncio.Event(), asyncio.Event()
    accept = house.replica.intake.accept

    async def slowly(*args: Any, **kwargs: Any) -> Any:
        asked.set()
        await go.wait()
        return await accept(*args, **kwargs)

    monkeypatch.setattr(house.replica.intake, "accept", slowly)
    first = asyncio.create_task(house.post(GOOD))
    await asked.wait()
    status, said = await house.post(GOOD)
    assert (status, said["detail"].split(":")[0]) == (503, "overloaded")
    assert house.counted("overloaded") == 1
    assert not house.replica.monitor.away
    go.set()
    assert (await first)[0] == 200
    assert (await house.post(GOOD))[0] == 200


async def test_overload_keeps_out_what_pages_nobody_and_reads_it_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []

    def parse(raw: bytes) -> Notification:
        read.append(raw)
        return parse_notification(raw)

    monkeypatch.setattr(alertmanager, "parse_notification", parse)
    monkeypatch.setattr(admission_queue.Admission, "crowded", True)
    mild = notification(alert(labels={"alertname": "Mild"}), group="mild")
    for _ in range(3):
        status, said = await house.post(mild)
        assert (status, said["detail"].split(":")[0]) == (503, "overloaded")
    assert len(read) == 1, "the same body is known"
    assert len(house.replica.refused) == 0, "it pages nobody, so it is no debt"
    assert (await house.post(GOOD))[0] == 200
    beat = notification(alert(labels={"alertname": "Watchdog", "severity": "none"}), group="beat")
    assert (await house.post(beat))[0] == 200, "a heartbeat that is kept out pages"
    worse = notification(alert(labels={"alertname": "Mild"}, annotations={"error_rate": "50%"}), group="mild")
    assert (await house.post(worse))[0] == 200
    more = notification(alert(labels={"alertname": "Mild"}), alert(labels={"alertname": "More"}), group="mild")
    assert (await house.post(more))[0] == 200, "its group pages now"


async def test_a_store_that_fails_is_503_and_remembered_as_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: Any, **__: Any) -> Any:
        raise StoreAway("ConnectionError: refused at redis://user:hunter2@host")

    monkeypatch.setattr(house.replica.intake, "accept", fails)
    monkeypatch.setattr(house.replica.monitor.probe, "round_trips", fails)
    status, answer = await house.post(GOOD)
    assert status == 503
    assert "hunter2" not in json.dumps(answer)
    assert not house.replica.monitor.away, "one failure says nothing yet"
    await house.replica.monitor.check()
    assert house.replica.monitor.away
    monkeypatch.undo()
    assert (await house.post(GOOD))[0] == 503, "while it is away nobody waits to find out again"
    assert await stored(house) == 0


async def test_a_store_that_is_full_takes_what_ends(house: House) -> None:
    assert (await house.post(GOOD))[0] == 200
    raw = redis.Redis.from_url(house.replica.connection.url)
    raw.config_set("maxmemory", 1)
    try:
        for _ in range(2):
            await house.replica.monitor.check()
        assert house.replica.monitor.full
        assert (await house.post(notification(alert("ApiDown"), group="down")))[0] == 503
        ended = notification(alert(annotations={"error_rate": "7.3%"}, firing=False))
        assert (await house.post(ended))[1]["outcome"] == "resolved"
    finally:
        raw.config_set("maxmemory", 0)
        raw.close()


async def test_a_store_that_is_slow_is_503_in_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()

    async def hangs(*_: Any, **__: Any) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(notification_acceptance, "ACCEPT_LIMIT", 0.05)
    monkeypatch.setattr(notification_acceptance, "STORE_LIMIT", 0.2)
    monkeypatch.setattr(house.replica.intake, "accept", hangs)
    assert (await house.post(GOOD))[0] == 503
    await asyncio.wait_for(ended.wait(), 2)


async def test_a_sender_that_hangs_up_leaves_no_half_work(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, go, done = asyncio.Event(), asyncio.Event(), asyncio.Event()
    accept = house.replica.intake.accept

    async def slowly(*args: Any, **kwargs: Any) -> Any:
        asked.set()
        await go.wait()
        answer = await accept(*args, **kwargs)
        done.set()
        return answer

    monkeypatch.setattr(house.replica.intake, "accept", slowly)
    sender = asyncio.create_task(house.post(GOOD))
    await asked.wait()
    sender.cancel()
    await asyncio.gather(sender, return_exceptions=True)
    go.set()
    await asyncio.wait_for(done.wait(), 2)
    assert await stored(house) == 1


async def test_a_mistake_of_ours_is_500_without_a_word_of_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def spoils(*_: Any, **__: Any) -> Any:
        raise KeyError("private-words")

    monkeypatch.setattr(house.replica.intake, "accept", spoils)
    status, answer = await house.post(GOOD)
    assert status == 500
    assert "private-words" not in json.dumps(answer)
    assert house.parts.metrics.registry.get_sample_value("receiver_loop_errors_total", {"step": "web"}) == 1


async def test_people_are_told_of_a_body_that_nobody_could_read(house: House) -> None:
    assert (await house.post(b'{"version": "<!channel> *x*"}', **{"User-Agent": "Alertmanager/0.25"}))[0] == 400
    assert (await house.post(b"again"))[0] == 400
    client = house.replica.connection.client
    keys = house.replica.connection.keys
    heads = [json.loads(text) for text in await client.lrange(keys.named("refused"), 0, -1)]
    assert [one["prefix"] for one in heads] == ["again", '{"version": "<!channel> *x*"}']
    assert (heads[1]["token"], heads[1]["user_agent"]) == ("alertmanager", "Alertmanager/0.25")
    await house.world.quiet()
    told = [message for message in house.world.slack.taken if "refused with 400" in json.dumps(message)]
    assert len(told) == 1, "at most once in ten minutes"
    assert "<!channel>" not in json.dumps(told)


async def test_nobody_without_a_token_can_have_people_told(house: House) -> None:
    async with house.client.post(PATH, data=b"bad", headers=JSON) as response:
        assert response.status == 401
    client = house.replica.connection.client
    assert await client.exists(house.replica.connection.keys.named("refused")) == 0
    assert house.counted("unauthorized") == 1


async def test_one_line_for_each_webhook_and_no_secret_in_it(house: House) -> None:
    name = "x" * 500
    with capture_logs() as lines:
        await house.post(notification(alert(), receiver=name))
        await house.post(b"bad")
        await house.post(GOOD, Authorization="Bearer not-a-token")
    found = [line for line in lines if line["event"] == "webhook_answered"]
    assert [(line["outcome"], line["reason"]) for line in found] == [
        ("opened", "opened"), ("refused", "bad_notification"), ("unauthorized", "wrong_token"),
    ]  # fmt: skip
    first = found[0]
    assert {k: first[k] for k in ("incident", "severity", "alerts", "firing", "caller", "receiver")} == {
        "incident": "INC-2026-0001", "severity": "SEV-3", "alerts": 1, "firing": 1, "caller": "alertmanager",
        "receiver": "x" * 200,
    }  # fmt: skip
    assert "am-token" not in str(lines)
    assert "not-a-token" not in str(lines)


async def test_several_incidents_are_each_listed(opened: Opened) -> None:
    house = await opened()
    setting = house.replica.setting
    object.__setattr__(setting, "correlate_by", ("service",))
    status, answer = await house.post(
        notification(
            alert("Slow"), alert("ApiDown", labels={"service": "db"}), alert("DashboardSlow", labels={"service": "ui"})
        )
    )
    assert status == 200
    assert (answer["severity"], len(answer["all"])) == ("SEV-1", 3)
    assert answer["incident"] in {part["incident"] for part in answer["all"] if part["severity"] == "SEV-1"}


HOSTILE = [
    "<!channel> <!here> <@U1> <!subteam^S1> <https://x|runbook>",
    "<script>alert(1)</script>",
    "{{7*7}} {0.__class__} %(x)s",
    "a\r\nSet-Cookie: x=1",
    "\x1b[31mred\x1b]0;title\x07",
    "nul\x00 c1\x9b bidi\u202e zero\u200b",
    "é" * 20_000,
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_in_a_label_is_normal_input(house: House, text: str) -> None:
    labels = {"service": text, "alertname": text[:1000]}
    status, answer = await house.post(notification(alert(labels=labels, annotations={"summary": text}), group=text))
    assert (status, answer["outcome"]) == (200, "opened")


async def test_lone_surrogates_are_replaced_and_the_alert_goes_on(house: House) -> None:
    status, answer = await house.post(GOOD.replace(b'"7.3%"', rb'"7.3%", "summary": "\ud800 x"'))
    assert (status, answer["outcome"]) == (200, "opened")
    status, shape = await house.get("/api/v1/incidents/INC-2026-0001")
    assert (status, "x" in shape["title"]) == (200, True)


async def test_duplicate_keys_in_json_are_no_error_of_ours(house: House) -> None:
    assert (await house.post(GOOD.replace(b'"version": "4"', b'"version": "3", "version": "4"')))[0] == 200


async def test_a_large_body_is_parsed_aside(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alertmanager, "PARSE_ASIDE", 10)
    assert (await house.post(GOOD))[0] == 200
    assert (await house.post(b"not json at all"))[0] == 400


async def test_one_bad_alert_takes_no_other_with_it_and_people_are_told(house: House) -> None:
    good, bad = alert("ApiDown"), alert("DbDown")
    bad["labels"]["team"] = None
    del bad["status"]
    status, answer = await house.post(notification(good, bad, None))
    assert (status, answer["outcome"]) == (200, "opened")
    await house.world.quiet()
    (incident,) = await house.world.incidents()
    assert incident.names == ("ApiDown",)
    told = [json.dumps(message) for message in house.world.slack.taken]
    assert any("was read in part" in text and "alerts.2: not an object" in text for text in told), told
