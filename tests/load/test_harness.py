"""The harness of the load tests detects missing, duplicate and emergency pages."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from tests.faults.programs import Valkey
from tests.faults.waiting import until
from tests.load.ledger import Pages, percentile
from tests.load.replica_recorder import ended_tasks
from tests.load.sender import Sender
from tests.load.slow_store import SlowStore


def trigger(incident: str, key: str, name: str = "AuthLoad1", **more: Any) -> dict[str, Any]:
    """Return the ledger's entry of one page."""
    payload = {"class": name, "custom_details": {"incident_id": incident}}
    body = {"event_action": "trigger", "routing_key": "a" * 32, "dedup_key": key, "payload": payload}
    return {"vendor": "pagerduty", "at": 1.0, "taken": True, "answer": 202, "body": body, **more}


def incident(name: str, *steps: str) -> dict[str, Any]:
    """Return an incident of the API with a page for each step."""
    pages = [{"channel": "pager", "step": step} for step in steps]
    return {"id": name, "severity": "SEV-2", "title": "Auth", "pages": pages}


def test_a_page_that_is_owed_and_not_there_is_missing() -> None:
    pages = Pages.read([trigger("INC-1", "k1"), trigger("INC-1", "k1"), {"vendor": "slack", "answer": 200}])
    assert pages.missing([incident("INC-1", "opened"), incident("INC-2")]) == []
    assert pages.missing([incident("INC-1", "opened", "backup")]) == ["INC-1 (SEV-2, Auth): 1 of 2 pages"]
    assert pages.missing([incident("INC-3", "emergency")]) == []


def test_a_request_that_was_not_taken_is_no_page() -> None:
    pages = Pages.read([trigger("INC-1", "k1", taken=False, answer=429)])
    assert (len(pages.triggers), pages.too_fast) == (0, 1)
    assert len(pages.missing([incident("INC-1", "opened")])) == 1


def test_one_more_trigger_for_a_key_is_let_pass_and_a_third_is_not() -> None:
    twice = [trigger("INC-1", "k1"), trigger("INC-1", "k1")]
    assert Pages.read(twice).repeated() == []
    assert Pages.read([*twice, trigger("INC-1", "k1")]).repeated() == ["k1: 3 triggers"]


def test_a_page_without_an_incident_is_an_emergency_page() -> None:
    assert Pages.read([trigger("INC-1", "k1"), trigger("(new incident)", "k2", "AuthLoad2")]).emergency == ["AuthLoad2"]


def test_a_task_that_ended_is_counted_before_and_after_the_metric_existed() -> None:
    before = {("receiver_loop_errors_total", "audit"): 1.0, ("receiver_loop_errors_total", "deliver"): 3.0}
    assert ended_tasks(before) == {"audit": 1.0}
    after = {("receiver_worker_restarts_total", "loop"): 2.0, ("receiver_worker_restarts_total", "audit"): 0.0}
    assert ended_tasks({**before, **after}) == {"loop": 2.0}


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([], 0.99) == 0
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile(range(100), 0.99) == 99


async def test_the_sender_comes_again_until_it_is_taken(aiohttp_server: AiohttpServer) -> None:
    answers = iter([503, 500, 200, 200])
    bodies: list[dict[str, Any]] = []

    async def take(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.json_response({"incident": "INC-1"}, status=next(answers))

    app = web.Application()
    app.router.add_post("/webhooks/alertmanager", take)
    server = await aiohttp_server(app)
    sender = Sender([f"http://127.0.0.1:{server.port}"], severe_each=1)
    try:
        group = sender.begin(resolve_after=0.1)
        await until(lambda: group.ended, "both notifications to be accepted", 20)
        assert sender.outcomes == {"503": 1, "500": 1, "200": 2}
        assert (group.severity, group.said, sender.waiting) == ("SEV-1", {"incident": "INC-1"}, [])
        assert [body["status"] for body in bodies] == ["firing", "firing", "firing", "resolved"]
        assert len({body["alerts"][0]["startsAt"] for body in bodies}) == 1
    finally:
        await sender.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    made = Path(tempfile.mkdtemp(prefix="load-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


async def test_the_proxy_adds_its_delay_to_each_round_trip_and_keeps_the_order(folder: Path) -> None:
    store = Valkey(folder / "store")
    try:
        await store.start()
        async with SlowStore(folder, store.socket) as proxy:
            proxy.delay(0.2)
            lines = [asyncio.create_task(counted(proxy.socket, name)) for name in ("a", "b", "c")]
            began = time.monotonic()
            assert await asyncio.gather(*lines) == [b":1\r\n:2\r\n:3\r\n"] * 3
            took = time.monotonic() - began
            proxy.delay(0.0)
            began = time.monotonic()
            assert await counted(proxy.socket, "d") == b":1\r\n:2\r\n:3\r\n"
            assert time.monotonic() - began < took
    finally:
        store.end()
    # Two round trips each, in parallel: a proxy that served one connection after the other would take 1.2 s.
    assert 0.4 <= took < 1.2


async def counted(socket: Path, key: str) -> bytes:
    """Increment three times in two round trips, and return the responses."""
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(f"INCR {key}\r\n".encode())
    first = await reader.readuntil(b"\r\n")
    writer.write(f"INCR {key}\r\nINCR {key}\r\n".encode())
    rest = await reader.readuntil(b"\r\n") + await reader.readuntil(b"\r\n")
    writer.close()
    return first + rest
