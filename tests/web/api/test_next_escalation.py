"""The announced next contact is the person who is contacted."""

from __future__ import annotations

from datetime import timedelta

from tests.stories.world import alert, notification
from tests.web.conftest import READ, House


async def test_the_backup_then_the_steps_are_told_before_they_are_called(house: House) -> None:
    await house.world.post(notification(alert("ApiDown")))
    seen = []
    for _ in range(4):
        _, incident = await house.get("/api/v1/incidents/INC-2026-0001", READ)
        following = incident["next_escalation"]
        seen.append((following["reason"], following["contacts"]))
        before = {page["person"] for page in incident["pages"]}
        at = house.world.clock.now()
        wait = following["at"]
        await house.world.forward(f"{seconds_until(wait, at.isoformat()) + 1}s")
        _, after = await house.get("/api/v1/incidents/INC-2026-0001", READ)
        assert {page["person"] for page in after["pages"]} > before, "another person was paged then"
    assert seen[0] == ("backup", ["secondary", "eng-lead-2"])
    assert [reason for reason, _ in seen[1:]] == ["step", "step", "step"]
    assert (await house.get("/api/v1/incidents/INC-2026-0001", READ))[1]["next_escalation"] is None


async def test_nobody_is_next_once_it_is_resolved(house: House) -> None:
    await house.world.post(notification(alert(annotations={"error_rate": "7%"})))
    assert (await house.get("/api/v1/incidents/INC-2026-0001", READ))[1]["next_escalation"]["reason"] == "backup"
    async with house.client.post("/api/v1/incidents/INC-2026-0001/resolve", headers=READ) as response:
        assert (await response.json())["next_escalation"] is None


def seconds_until(at: str, now: str) -> int:
    from datetime import datetime

    return int((datetime.fromisoformat(at) - datetime.fromisoformat(now)) / timedelta(seconds=1))
