"""V1: a request that is cheap for its sender is cheap for the service, and pipelined ones block no other caller."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from tests.security.attacks import connected, pipelined, read_for_ever
from tests.security.target import Callers, Target


async def flood(target: Target, path: str, *, reading: bool, status_page: bool = False) -> None:
    """Request `path` 100 times on each of 60 connections, and check that legitimate callers are answered in time."""
    port = target.status_port if status_page else target.port
    async with connected(port, 60, pipelined(path, 100)) as sockets:
        readers = [asyncio.create_task(read_for_ever(one)) for one in sockets if reading]
        try:
            for _ in range(3):
                await Callers(target).watch(1.5)
                for one in sockets:
                    with contextlib.suppress(OSError):
                        one.send(pipelined(path, 100))
        finally:
            for reader in readers:
                reader.cancel()


async def test_the_document_of_the_api_asked_for_in_pipes(target: Target) -> None:
    await flood(target, "/api/openapi.json", reading=True)


async def test_the_document_of_the_api_that_nobody_reads(target: Target) -> None:
    await flood(target, "/api/openapi.json", reading=False)


async def test_metrics_asked_for_in_pipes(target: Target) -> None:
    await flood(target, "/metrics", reading=True)


async def test_the_status_page_asked_for_in_pipes(target: Target) -> None:
    await flood(target, "/status", reading=True, status_page=True)


@pytest.mark.parametrize(("path", "header"), [("/" * 4000, ""), ("/", "; ".join(f"c{n}=x" for n in range(900)))])
async def test_what_takes_long_to_look_through_in_pipes(target: Target, path: str, header: str) -> None:
    raw = f"GET {path} HTTP/1.1\r\nHost: receiver\r\nCookie: {header}\r\n\r\n".encode() * 8
    async with connected(target.port, 60, raw) as sockets:
        end, callers = time.monotonic() + 3, Callers(target)
        while time.monotonic() < end:
            await callers.look()
            for one in sockets:
                with contextlib.suppress(OSError):
                    one.send(raw)
    assert callers.failures == []


async def test_the_document_is_the_same_each_time(target: Target) -> None:
    first, second = [await target.ask("GET", "/api/openapi.json") for _ in range(2)]
    assert first == second
    assert first[0] == 200
