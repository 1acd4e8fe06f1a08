"""A replica stops even if one of its loops misses the first cancellation."""

from __future__ import annotations

import asyncio

import pytest

from tests.stories.world import World


async def test_a_cancellation_that_is_swallowed_is_asked_for_again(
    store_url: str, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(store_url)
    one = (await world.open()).one
    begun = asyncio.Event()

    async def deaf() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    monkeypatch.setattr(one.reports, "run", deaf)
    one.run()
    await begun.wait()
    await asyncio.wait_for(world.close(), 10)
    assert all(one.task is None or one.task.done() for one in one.supervisor.tasks.values())


async def test_a_part_that_cannot_be_closed_leaves_none_of_the_others_open(
    store_url: str, patient: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(store_url)
    one = (await world.open()).one
    closed: list[str] = []

    async def spoiled() -> None:
        raise TypeError("Integer exceeds 64-bit range")

    for part in (one.unknowns, one.history, one.reports):
        monkeypatch.setattr(part, "flush", spoiled)
    close = one.connection.close

    async def closing() -> None:
        closed.append("store")
        await close()

    monkeypatch.setattr(one.connection, "close", closing)
    await world.close()
    assert closed == ["store"]
