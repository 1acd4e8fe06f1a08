"""Requests that waited while the process was stopped do not make an alert fire again that has ended meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from receiver.model.alert.alert import parse_notification
from receiver.model.incident.state import State
from tests.faults.waiting import until
from tests.stories.world import alert, notification
from tests.web.conftest import House

FIRING = notification(alert("ApiDown"))
OVER = notification(alert("ApiDown", firing=False))


@pytest.fixture
def standing(house: House) -> Callable[[bool], None]:
    """Return whether the process was just stopped."""

    def stand(still: bool) -> None:
        object.__setattr__(house.parts, "stood_still", lambda: still)

    stand(True)
    return stand


async def settle(house: House) -> None:
    for _ in range(4):
        await house.replica.turn()
        await house.replica.work.idle()


async def test_a_sender_that_waits_is_told_to_come_again_and_nothing_is_lost(
    house: House, standing: Callable[[bool], None]
) -> None:
    status, said = await house.post(FIRING)
    assert (status, said["detail"].split(":")[0]) == (503, "overloaded")
    assert house.counted("overloaded") == 1
    await settle(house)
    assert sorted(house.world.rung()) == ["alice", "eng-lead"], "it is a debt, which was paid"
    standing(False)
    assert (await house.post(FIRING))[1]["outcome"] == "duplicate"


async def test_what_has_ended_elsewhere_meanwhile_is_not_held_as_a_new_beginning(
    house: House, standing: Callable[[bool], None]
) -> None:
    for body in (FIRING, OVER):
        await house.replica.intake.accept(parse_notification(body), house.world.clock.now())
    assert (await house.post(FIRING))[0] == 503
    await settle(house)
    await house.world.forward("30m")
    (incident,) = await house.world.incidents()
    assert (incident.state, incident.reopened, house.world.pagerduty.open()) == (State.RESOLVED, 0, [])
    assert len(house.world.sent()) == 2


async def test_a_sender_that_has_hung_up_leaves_nothing(house: House, standing: Callable[[bool], None]) -> None:
    head = [
        "POST /webhooks/alertmanager HTTP/1.1", "Host: receiver", "Authorization: Bearer am-token",
        "Content-Type: application/json", f"Content-Length: {len(FIRING)}", "", "",
    ]  # fmt: skip
    _, writer = await asyncio.open_connection("127.0.0.1", house.client.server.port)
    writer.write("\r\n".join(head).encode() + FIRING)
    writer.close()
    await writer.wait_closed()
    # aiohttp may detect the closed connection first, and end the request itself.
    await until(lambda: any(house.counted(one) for one in ("overloaded", "refused", "error", "unavailable")), "it")
    assert len(house.replica.refused) == 0
    await settle(house)
    assert house.world.sent() == []
