"""Responses are compressed for clients that accept gzip, except those whose size could reveal a secret."""

from __future__ import annotations

import gzip
import json

import aiohttp
import pytest

from receiver.web.http import compression
from receiver.web.http.compression import takes_gzip
from tests.stories.world import alert, notification
from tests.web.conftest import READ, House

PACKED = ("/api/openapi.json", "/api/docs", "/status/api/v2/summary.json", "/api/v1/incidents/INC-2026-0001")


async def raw(house: House, path: str, accepts: str, **headers: str) -> tuple[aiohttp.ClientResponse, bytes]:
    """Return a response as received, without decompression."""
    async with aiohttp.ClientSession(auto_decompress=False) as client:
        url = house.client.make_url(path)
        async with client.get(url, headers={**READ, "Accept-Encoding": accepts, **headers}) as response:
            return response, await response.read()


@pytest.mark.parametrize("path", PACKED)
async def test_html_and_json_are_packed(house: House, path: str) -> None:
    await house.world.post(notification(alert()))
    plain, whole = await raw(house, path, "identity")
    response, body = await raw(house, path, "br, gzip")
    assert (response.status, response.headers["Content-Encoding"]) == (200, "gzip")
    assert gzip.decompress(body) == whole
    assert len(body) < len(whole) / 2
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in response.headers["Vary"] and "Accept-Encoding" in plain.headers["Vary"]
    assert int(response.headers["Content-Length"]) == len(body)
    again = response.headers.get("ETag")
    if again:
        assert (await raw(house, path, "gzip", **{"If-None-Match": again}))[0].status == 304


async def test_what_is_small_is_not(house: House) -> None:
    response, body = await raw(house, "/api/v1/oncall/overrides", "gzip")
    assert "Content-Encoding" not in response.headers
    assert json.loads(body) == {"items": [], "next": None}


async def test_a_page_with_the_word_of_a_session_is_not(house: House) -> None:
    await house.world.post(notification(alert(annotations={"summary": "x" * 3000})))
    async with house.client.post("/login", data={"token": "respond-token"}, allow_redirects=False) as response:
        cookie = response.headers["Set-Cookie"].partition(";")[0]
    async with aiohttp.ClientSession(auto_decompress=False) as client:
        headers = {"Cookie": cookie, "Accept-Encoding": "gzip"}
        async with client.get(house.client.make_url("/incidents/INC-2026-0001"), headers=headers) as response:
            assert response.status == 200
            assert b'name="word"' in await response.read()


async def test_what_is_the_same_for_everybody_is_packed_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    compress = gzip.compress

    def counted(body: bytes, level: int, *, mtime: float) -> bytes:
        made.append(len(body))
        return compress(body, level, mtime=mtime)

    monkeypatch.setattr(compression.gzip, "compress", counted)
    for _ in range(5):
        for path in ("/api/openapi.json", "/api/docs"):
            assert (await raw(house, path, "gzip"))[0].headers["Content-Encoding"] == "gzip"
    assert len(made) == 2


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0, br", False),
    ],
)
def test_who_takes_it(accepted: str, takes: bool) -> None:
    assert takes_gzip(accepted) is takes
