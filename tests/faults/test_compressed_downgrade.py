"""The last release without compression on a store with a compressed incident: what docs/operating.md says of it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.faults.earlier_release import extract
from tests.faults.stage import READ_TOKEN, Stage, vendors_and_store
from tests.faults.waiting import until
from tests.stories.test_compressed_incidents import aged, configured, lived, looked
from tests.stories.world import World, alert, notification

LAST = "54b3bc24c1c2aa817411d1fa55ce2e2c93c83909"
"""0.1.0: the next commit compresses."""


async def status_of(made: Stage, path: str) -> int:
    """Return the status of a path of the API."""
    headers = {"Authorization": f"Bearer {READ_TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(made.services[0].url + path) as answer:
        return answer.status


def said(made: Stage, event: str) -> list[dict[str, Any]]:
    """Return the log lines of an event."""
    lines = [json.loads(line) for line in made.services[0].log.read_text("utf-8").splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


@pytest.mark.usefixtures("patient")
async def test_the_release_before_names_what_it_cannot_read_and_pages_when_it_fires_again(tmp_path: Path) -> None:
    earlier = extract(tmp_path / "earlier", commit=LAST)
    async with vendors_and_store(tmp_path / "run") as (store, fakes):
        assert store is not None
        world, made = World(store.url), Stage(tmp_path / "run", store, fakes, plain=True, homes=(earlier,))
        try:
            await world.open()
            name = await lived(world)
            (before,) = await world.incidents()
            forms = await aged(world)
            assert forms.compressed == 1
            await made.open()
            assert (await made.incidents(), await status_of(made, f"/api/v1/incidents/{name}")) == ([], 404)
            for event in ("incident_unreadable", "past_unreadable"):
                await until(lambda event=event: bool(said(made, event)), event)  # type: ignore[misc]
                assert {line["id"] for line in said(made, event)} == {name}
            assert said(made, "step_failed") == []
            # Its alert fires again: a new incident, and its page goes out.
            again = notification(alert("AuthFailing", starts="2026-11-30T10:00:00Z"))
            url = f"{made.services[0].url}/webhooks/alertmanager"
            async with made.sender.session.post(url, data=again) as answer:
                assert (await answer.json())["outcome"] == "opened"
            await until(lambda: any(one["vendor"] == "pagerduty" and one["taken"] for one in fakes.entries()), "a page")
            assert {one.id for one in await world.incidents()} == {name, "INC-2026-0002"}
            assert before in await world.incidents(), "this release reads it"
            # Expanded again by a replica of this release, it is found.
            configured(world, compress_after=None)
            await looked(world, timedelta())
            assert await status_of(made, f"/api/v1/incidents/{name}") == 200
        finally:
            await made.end()
            await world.close()
