"""Responses for an incident of a later version: 503 with the reason, never 500."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stories.later_version_data import UNREADABLE, rewrite
from tests.stories.world import alert, notification
from tests.web.conftest import READ, House

ONE = "/api/v1/incidents/INC-2026-0001"


def body(rate: str, *, firing: bool = True) -> bytes:
    """Return a notification about one alert."""
    return notification(alert(firing=firing, annotations={"error_rate": rate}))


@pytest.mark.parametrize("change", UNREADABLE, ids=str)
async def test_a_notification_is_never_answered_500(house: House, change: dict[str, Any] | str) -> None:
    await house.post(body("7.3%"))
    (incident,) = await house.world.incidents()
    await rewrite(house.world, incident, change)
    status, said = await house.post(body("7.4%"))
    assert (status, "later version" in said["detail"]) == (503, True)
    assert (await house.post(body("7.4%", firing=False)))[0] == 503
    assert house.counted("unavailable") == 2
    assert not house.replica.monitor.away, "the store is not the cause"
    await house.world.forward("12s")
    # The replica retries refused notifications itself: a sender's retry is a duplicate.
    status, said = await house.post(body("7.4%"))
    assert (status, said["outcome"] in ("opened", "duplicate"), said["incident"]) == (200, True, "INC-2026-0002")
    assert house.counted("error") == 0


@pytest.mark.parametrize("change", UNREADABLE, ids=str)
async def test_the_api_says_so(house: House, change: dict[str, Any] | str) -> None:
    await house.post(body("7.3%"))
    (incident,) = await house.world.incidents()
    await rewrite(house.world, incident, change)
    for path in (ONE, f"{ONE}/timeline", f"{ONE}/postmortem"):
        status, said = await house.get(path)
        assert (status, "later version" in said["detail"]) == (503, True), path
    async with house.client.post(f"{ONE}/acknowledge", json={}, headers=READ) as answer:
        assert answer.status == 503
    status, said = await house.get("/api/v1/incidents")
    assert (status, said["items"]) == (200, [])
