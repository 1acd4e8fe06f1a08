"""`GET /api/v1/rules/history` and `POST /api/v1/simulate`."""

from __future__ import annotations

import json
from typing import Any

from tests.stories.world import alert, notification
from tests.web.conftest import JSON, READ, House


async def simulate(house: House, body: Any) -> tuple[int, Any]:
    text = body if isinstance(body, bytes) else json.dumps(body)
    async with house.client.post("/api/v1/simulate", data=text, headers={**READ, **JSON}) as response:
        return response.status, await response.json(content_type=None)


async def test_a_notification_by_itself_or_with_its_time(house: House) -> None:
    body = notification(alert(annotations={"error_rate": "7.3%"}))
    status, found = await simulate(house, body)
    assert (status, found["severity"], found["decision"]["rule"]) == (200, "SEV-2", "high-error-rate")
    assert found["at"] == "2026-11-23T14:02:20.000Z"
    status, later = await simulate(house, {"payload": json.loads(body), "at": "2026-11-24T03:00:00+01:00"})
    assert (status, later["at"]) == (200, "2026-11-24T02:00:00.000Z")
    assert next(page["person"] for page in later["pages"]) == "alice"
    assert await house.world.incidents() == []
    assert house.world.pagerduty.taken == []


async def test_what_is_none_is_refused_with_what_would_be_right(house: House) -> None:
    for body, word in (
        (b"[]", "object"),
        (b"{", "JSON"),
        ({"payload": {}}, "version"),
        ({"payload": json.loads(notification(alert(), truncated=True))}, "truncatedAlerts"),
        ({"payload": {"version": "4"}, "when": 1}, "when"),
        ({"at": "2026-11-24T03:00:00Z"}, "payload"),
    ):
        status, said = await simulate(house, body)
        assert status == 400
        assert word in json.dumps(said), said


async def test_the_history_has_what_came_in(house: House) -> None:
    await house.post(notification(alert()))
    status, found = await house.get("/api/v1/rules/history?since=2026-11-23T00:00:00Z")
    assert status == 200
    (item,) = found["items"]
    assert item["notification"]["alerts"][0]["labels"]["alertname"] == "HighErrorRate"
    assert found["next"] is None
    assert (await house.get("/api/v1/rules/history", {}))[0] == 401
    assert (await house.get("/api/v1/rules/history?cursor=x"))[0] == 400
    assert (await house.get("/api/v1/rules/history?since=yesterday"))[0] == 400
