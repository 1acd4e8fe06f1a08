"""`receiver status`: updates of the public page, written and approved in a terminal."""

from __future__ import annotations

from tests.cli.test_service_client import receiver
from tests.stories.world import alert, notification
from tests.web.conftest import House


async def test_a_draft_is_let_out_and_seen(house: House) -> None:
    await house.world.post(notification(alert("AuthFailing")))
    code, out, _ = await receiver(house, "respond-token", "status", "show")
    assert (code, out.splitlines()[0]) == (0, "All Systems Operational")
    assert "API  operational" in out
    assert (await receiver(house, "respond-token", "status", "approve", "INC-2026-0001"))[0] == 0
    await house.world.quiet()
    out = (await receiver(house, "respond-token", "status", "show"))[1]
    assert "Partial System Outage" in out
    assert "API: partial outage  investigating" in out
    code, _, err = await receiver(house, "respond-token", "status", "approve", "INC-2026-0001")
    assert (code, err) == (1, "INC-2026-0001 has no draft waiting for approval\n")


async def test_an_update_says_cause_and_times(house: House) -> None:
    await house.world.post(notification(alert("AuthFailing")))
    words = ("status", "update", "INC-2026-0001", "identified", "It is the database.", "--cause", "a full disk",
             "--expected", "2026-11-23T15:00:00Z", "--next", "2026-11-23T14:30:00Z", "--publish")  # fmt: skip
    assert (await receiver(house, "respond-token", *words))[0] == 0
    await house.world.quiet()
    out = (await receiver(house, "respond-token", "status", "show"))[1]
    for said in ("It is the database.", "Cause: a full disk", "Expected resolution: 2026-11-23 15:00 UTC"):
        assert said in out
    assert (await receiver(house, "respond-token", "status", "update", "INC-2026-0001", "fixed", "x"))[0] == 1
