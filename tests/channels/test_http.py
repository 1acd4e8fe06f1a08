"""HTTP to vendors: what leaves, and what is read."""

from __future__ import annotations

import pytest

from receiver.channels.http import BODY_LIMIT, Http, encode
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


def test_what_utf8_cannot_carry_is_replaced() -> None:
    assert encode({"a": "\ud800é"}) == '{"a":"?é"}'.encode()
