"""HTTP requests to vendors, and their responses."""

from __future__ import annotations

import asyncio
import threading

import pytest

from receiver.channels.http_client import BODY_LIMIT, Http, encode
from tests.fakes import Answer, FakeHook, Site


def hook_of(site: Site) -> FakeHook:
    return next(vendor for vendor in site.vendors if isinstance(vendor, FakeHook))


async def test_a_body_above_the_limit_is_not_kept(site: Site, http: Http) -> None:
    hook = hook_of(site)
    hook.script.extend([Answer(200, body='"' + "x" * (BODY_LIMIT - 2) + '"'), Answer(200, body="x" * (BODY_LIMIT + 1))])
    kept = await http.post_json(f"{site.url}/hook", {})
    assert len(kept.json) == BODY_LIMIT - 2
    dropped = await http.post_json(f"{site.url}/hook", {})
    assert (dropped.status, dropped.json, dropped.text) == (200, None, "")


async def test_a_reply_shows_neither_headers_nor_body(site: Site, http: Http) -> None:
    hook_of(site).script.append(Answer(200, body={"token": "s3cr3t"}, headers={"X-Token": "s3cr3t"}))
    assert "s3cr3t" not in repr(await http.post_json(f"{site.url}/hook", {}))


async def test_the_environments_proxy_is_not_used(site: Site, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    hook_of(site).script.append(Answer(200))
    assert (await http.post_json(f"{site.url}/hook", {})).status == 200


async def test_closing_and_going_on(site: Site, http: Http) -> None:
    for _ in range(2):
        hook_of(site).script.append(Answer(200))
        assert (await http.post_json(f"{site.url}/hook", {})).status == 200
        await http.close()


async def test_a_vendor_that_never_answers_leaves_room_for_the_others(site: Site, http: Http) -> None:
    hook = hook_of(site)
    hook.script.extend([Answer(hang=True)] * 100)
    held = [asyncio.create_task(http.post_json(f"{site.url}/hook", {})) for _ in range(100)]
    for _ in range(500):
        await asyncio.sleep(0.01)
        if len(hook.received) == 100:
            break
    other = FakeHook()
    second = Site(other)
    await second.start()
    try:
        other.script.append(Answer(200))
        assert (await http.post_json(f"{second.url}/hook", {})).status == 200
    finally:
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        hook.released.set()
        await second.stop()


async def test_what_holds_the_common_threads_holds_up_no_look_up(site: Site, http: Http) -> None:
    free = threading.Event()
    held = [asyncio.get_running_loop().run_in_executor(None, free.wait, 10) for _ in range(64)]
    try:
        hook_of(site).script.append(Answer(200))
        port = site.url.rsplit(":", 1)[1]
        assert (await http.post_json(f"http://localhost:{port}/hook", {})).status == 200
    finally:
        free.set()
        await asyncio.gather(*held)


def test_what_utf8_cannot_carry_is_replaced() -> None:
    assert encode({"a": "\ud800é"}) == '{"a":"?é"}'.encode()
