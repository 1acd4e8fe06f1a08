"""A frequently requested public page is rendered once per moment, and is always current."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from receiver.web.http.shared_answers import KEPT, SHARED, SharedAnswers
from receiver.web.routes import build
from tests.stories.world import alert, notification
from tests.web.conftest import House
from tests.web.http.test_ready_answer import listening
from tests.web.status.test_status_page import DOWN

Answer = tuple[bytes, list[bytes], bytes]


class Visitor:
    """One connection that stays open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def get(self, path: str, *headers: str, method: str = "GET", version: str = "1.1") -> Answer:
        """Return status line, headers but the date in order of their names, and body."""
        lines = [f"{method} {path} HTTP/{version}", "Host: x", *headers]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        first, *rest = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)).split(b"\r\n")
        length = sum(int(one.partition(b":")[2]) for one in rest if one.lower().startswith(b"content-length:"))
        body = await self.reader.readexactly(length if method != "HEAD" and b" 304 " not in first else 0)
        return first, sorted(one for one in rest if one and not one.startswith(b"Date:")), body


class Spied(SharedAnswers):
    """Counts the responses that were not rendered again."""

    hits = 0

    def find(self, request: Any) -> Any:
        found = super().find(request)
        self.hits += found is not None
        return found


@pytest.fixture
def app(house: House) -> web.Application:
    made = build(house.parts)
    spied = Spied(made[SHARED]._present)
    made[SHARED] = spied
    return made


@asynccontextmanager
async def visiting(app: web.Application) -> AsyncIterator[Visitor]:
    """Serve the application, and connect to it."""
    async with listening(app) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield Visitor(reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()


async def test_the_second_answer_is_the_first_one_to_the_byte(house: House, app: web.Application) -> None:
    spied = app[SHARED]
    assert isinstance(spied, Spied)
    async with visiting(app) as visitor:
        for count, asked in enumerate(
            (
                ("/status",), ("/status", "Accept-Encoding: gzip"), ("/status", "Accept-Language: de"),
                ("/status?lang=ja", "Accept-Encoding: br, gzip"), ("/status/api/v2/summary.json",),
                ("/status/feed.atom",),
            ),
            1,
        ):  # fmt: skip
            one, other = await visitor.get(*asked), await visitor.get(*asked)
            assert (one, spied.hits) == (other, count), asked
            packed = b"Content-Encoding: gzip" in one[1]
            assert packed is ("gzip" in "".join(asked[1:])), asked
        assert "Schwerer" not in gzip.decompress((await visitor.get("/status", "Accept-Encoding: gzip"))[2]).decode()
        assert b'lang="de"' in (await visitor.get("/status", "Accept-Language: de"))[2]
        # A cached response of a browser.
        (tag,) = [line.partition(b": ")[2].decode() for line in one[1] if line.startswith(b"ETag")]
        hits = spied.hits
        first, headers, body = await visitor.get("/status/feed.atom", f"If-None-Match: {tag}")
        assert (first.split()[1], body, spied.hits) == (b"304", b"", hits + 1)
        spied._known.clear()
        assert (await visitor.get("/status/feed.atom", f"If-None-Match: {tag}"))[0] == first
        assert {line.partition(b":")[0] for line in headers} >= {b"ETag", b"Cache-Control", b"Content-Security-Policy"}
        # Requests in an unusual form are handled by the application.
        hits = spied.hits
        assert (await visitor.get("/status", method="HEAD"))[2] == b""
        assert (await visitor.get("/status", version="1.0"))[0].split()[1] == b"200"
        assert spied.hits == hits


async def test_what_changes_is_seen_at_once_and_no_other_page_is_shared(house: House, app: web.Application) -> None:
    async with visiting(app) as visitor:
        for _ in range(2):
            assert b"API: major outage" not in (await visitor.get("/status"))[2]
        await house.world.post(notification(alert("ApiDown", labels=DOWN)))
        await house.world.quiet()
        for _ in range(2):
            assert b"API: major outage" in (await visitor.get("/status"))[2]
        page = house.replica.config.status_page.model_copy(update={"title": "Another title"})
        house.replica.apply(house.replica.config.model_copy(update={"status_page": page}))
        assert b"Another title" in (await visitor.get("/status"))[2]
        for path in ("/login", "/healthz", "/status/nothing", "/static/style.css"):
            before = len(app[SHARED]._known)
            await visitor.get(path)
            assert len(app[SHARED]._known) == before, path


async def test_what_strangers_think_up_takes_no_memory(house: House, app: web.Application) -> None:
    async with visiting(app) as visitor:
        for number in range(2 * KEPT):
            await visitor.get(f"/status?x={number}")
            assert len(app[SHARED]._known) <= KEPT
