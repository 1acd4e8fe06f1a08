"""A refused notification leaves nothing behind that only the garbage collector would free: it runs seldom here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import pytest
from structlog.testing import capture_logs

from receiver.store.client.store_errors import Overloaded, StoreSlow
from receiver.store.incidents.commit_request import CommitRequest, Committed, StaleVersion
from receiver.web.webhooks import arrival_order, notification_acceptance
from tests.garbage_collection import left_behind
from tests.stories.world import alert, notification
from tests.web.conftest import House, Opened

LATE = 0.1
"""Seconds that a commit takes which is given up after half of that."""


async def slow(*_: Any, **__: Any) -> NoReturn:
    raise StoreSlow("no answer")


async def overloaded(*_: Any, **__: Any) -> NoReturn:
    raise Overloaded("too much to do")


async def broken(*_: Any, **__: Any) -> NoReturn:
    raise LookupError("nobody has thought of this")


async def late(*_: Any, **__: Any) -> NoReturn:
    await asyncio.sleep(LATE)
    raise StoreSlow("no answer, and nobody waits for it")


@pytest.mark.parametrize(
    ("accept", "status", "accept_limit", "store_limit"),
    [
        (slow, 503, 1.8, 1.7),
        (overloaded, 503, 1.8, 1.7),
        (broken, 500, 1.8, 1.7),
        (late, 503, LATE / 2, 1.7),
        (late, 503, 1.8, LATE / 2),
    ],
    ids=["slow store", "overloaded", "unexpected error", "given up, and fails later", "deadline of the commit"],
)
async def test_a_refusal_leaves_no_garbage(
    house: House, monkeypatch: pytest.MonkeyPatch,
    accept: Callable[..., Awaitable[Any]], status: int, accept_limit: float, store_limit: float,
) -> None:  # fmt: skip
    monkeypatch.setattr(house.replica.intake, "accept", accept)
    monkeypatch.setattr(notification_acceptance, "ACCEPT_LIMIT", accept_limit)
    monkeypatch.setattr(notification_acceptance, "STORE_LIMIT", store_limit)

    async def refused(number: int) -> None:
        answered, _ = await house.post(notification(alert(f"AuthLoad{number}"), group=str(number)))
        assert answered == status
        await asyncio.sleep(LATE if accept is late else 0)

    # The log of tests may draw tracebacks with rich, which leaves garbage of its own. The service writes JSON.
    with capture_logs():
        assert await left_behind(refused) == []


async def test_a_notification_that_is_not_started_in_time_leaves_no_garbage(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival_order, "AT_ONCE", 0)
    monkeypatch.setattr(arrival_order, "LONGEST", -1.0)
    house = await opened()

    async def refused(number: int) -> None:
        answered, said = await house.post(notification(alert(f"AuthLoad{number}"), group=str(number)))
        assert (answered, "not started in time" in said["detail"]) == (503, True)

    assert await left_behind(refused) == []


async def test_a_decision_that_is_made_again_leaves_no_garbage(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    commit, attempts = house.replica.incidents.commit, list[CommitRequest]()

    async def overtaken(change: CommitRequest, **more: Any) -> Committed:
        attempts.append(change)
        if len(attempts) % 2:
            raise StaleVersion("another replica was faster")
        return await commit(change, **more)

    monkeypatch.setattr(house.replica.incidents, "commit", overtaken)

    async def accepted(number: int) -> None:
        attempts.clear()
        _, said = await house.post(notification(alert(f"AuthLoad{number}"), group=str(number)))
        assert (said["outcome"], len(attempts)) == ("opened", 2)

    assert await left_behind(accepted) == []
