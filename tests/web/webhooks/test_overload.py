"""Notifications that an overloaded replica refuses: whom it pages, and whom it must not page."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from receiver.model.alert.alert import Notification, parse_notification
from receiver.store.client.store_errors import Overloaded, StoreSlow
from receiver.web.webhooks import admission_queue, alertmanager, notification_acceptance
from receiver.web.webhooks.arrival_order import ArrivalOrder
from tests.stories.world import alert, notification
from tests.web.conftest import House

DOWN = notification(alert("ApiDown"), group="down")
OVER = notification(alert("ApiDown", firing=False), group="down")
MILD = notification(alert("Mild"), group="mild")


async def settled(house: House) -> None:
    house.world.clock.forward("1s")  # until the next attempt
    for _ in range(8):
        await house.replica.turn()
        await house.replica.work.idle()


async def opened(house: House) -> list[tuple[str, str]]:
    return [(one.severity.value, one.state.value) for one in await house.replica.incidents.listing()]


async def refuse(*_: Any, **__: Any) -> Any:
    raise StoreSlow("no commit")


async def test_what_was_refused_unread_is_judged_and_committed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(_: ArrivalOrder) -> None:
        raise Overloaded("not begun")

    with monkeypatch.context() as patch:
        patch.setattr(ArrivalOrder, "enter", full)
        for body in (DOWN, DOWN, MILD):
            status, said = await house.post(body)
            assert (status, said["detail"].split(":")[0]) == (503, "overloaded")
    assert {body for body, _ in house.replica.refused.owed()} == {DOWN, MILD}, "each once; saved should the process end"
    await settled(house)
    assert [severity for severity, _ in await opened(house)] == ["SEV-1"], "what pages nobody is sent again"
    assert len(house.replica.refused) == 0


async def test_what_was_refused_unread_is_forgotten_where_a_later_one_was_stored(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.replica.refused.add_unread(DOWN)
    house.world.clock.forward("1s")
    assert (await house.post(DOWN))[0] == 200
    house.world.clock.forward("1s")
    assert (await house.post(OVER))[0] == 200
    await settled(house)
    assert [state for _, state in await opened(house)] == ["monitoring"], "it does not fire again"


@pytest.mark.parametrize(("late", "reason"), [(0.0, "the incident store is unavailable"), (1.0, "overloaded")])
async def test_a_replica_that_was_busy_itself_does_not_blame_the_store(
    house: House, monkeypatch: pytest.MonkeyPatch, late: float, reason: str
) -> None:
    time = house.replica.connection.time

    async def out_of_time(*_: Any, **__: Any) -> Any:
        time._behind += late
        raise TimeoutError

    monkeypatch.setattr(house.replica.intake, "accept", out_of_time)
    status, said = await house.post(DOWN)
    assert (status, said["detail"].startswith(reason)) == (503, True), said


async def test_when_a_group_was_stored_is_kept_while_a_body_that_came_before_may_wait(house: House) -> None:
    refused = house.replica.refused
    refused.settle("a")
    house.world.clock.forward("6m")
    refused.settle("b")
    assert list(refused._settled) == ["b"], "nothing waits that is older than the first"
    refused.add_unread(MILD)
    house.world.clock.forward("6m")
    refused.settle("c")
    assert list(refused._settled) == ["b", "c"]


async def test_an_end_replaces_the_kept_notification_though_it_pages_no_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(house.replica.intake, "accept", refuse)
        assert (await house.post(DOWN))[0] == 503
    with monkeypatch.context() as patch:
        patch.setattr(admission_queue.Admission, "crowded", True)
        await house.post(OVER)
    await settled(house)
    assert house.world.pagerduty.received == []


@pytest.mark.parametrize("newer", [DOWN, OVER])
async def test_a_large_kept_notification_is_replaced_by_the_newest_one(
    house: House, newer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging, go = asyncio.Event(), asyncio.Event()
    retries = house.replica.refused_retries
    judged = retries._judged

    async def slowly(*args: Any) -> Any:
        found = await judged(*args)
        judging.set()
        await go.wait()
        return found

    first = notification(alert("Mild" if newer is DOWN else "ApiDown"), group="down")
    with monkeypatch.context() as patch:
        patch.setattr(house.replica.intake, "accept", refuse)
        assert (await house.post(first))[0] == 503
        patch.setattr(retries, "_judged", slowly)
        look = asyncio.create_task(retries.run_once())
        await judging.wait()
        assert (await house.post(newer))[0] == 503
        go.set()
        await look
    await settled(house)
    assert len(await opened(house)) == (newer is DOWN)
    assert (house.world.pagerduty.received != []) == (newer is DOWN)


async def test_a_large_notification_of_a_group_that_pages_nobody_is_kept_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notification_acceptance, "LARGE", 1)
    two = notification(alert("Mild", labels={"n": "1"}), alert("Mild", labels={"n": "2"}), group="mild")
    assert (await house.post(MILD))[0] == 200
    monkeypatch.setattr(admission_queue.Admission, "crowded", True)
    assert (await house.post(two))[0] == 503
    unknown = notification(alert("Mild", labels={"n": "1"}), alert("Mild", labels={"n": "2"}), group="other")
    assert (await house.post(unknown))[0] == 200, "judging it takes longer than letting it in"


async def test_the_end_of_an_open_sev_1_is_let_in_by_a_replica_that_has_not_heard_its_beginning(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await house.post(DOWN))[0] == 200
    await settled(house)
    house.parts.refused.late = lambda: True
    monkeypatch.setattr(admission_queue.Admission, "place", lambda *_: admission_queue.Place.REST)  # as after a restart
    monkeypatch.setattr(admission_queue.Admission, "crowded", True)
    assert (await house.post(OVER))[0] == 200


async def test_an_end_is_never_known_as_a_body_that_pages_nobody(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(admission_queue.Admission, "crowded", True)
        assert (await house.post(OVER))[0] == 503
    assert (await house.post(DOWN))[0] == 200
    monkeypatch.setattr(admission_queue.Admission, "crowded", True)
    assert (await house.post(OVER))[0] == 200


async def test_what_pages_nobody_is_kept_out_while_some_turns_are_free(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ArrivalOrder, "late", True)
    monkeypatch.setattr(admission_queue, "OTHERS", 10**6)
    asked, go = asyncio.Event(), asyncio.Event()
    accept = house.replica.intake.accept

    async def slowly(*args: Any, **more: Any) -> Any:
        asked.set()
        await go.wait()
        return await accept(*args, **more)

    monkeypatch.setattr(house.replica.intake, "accept", slowly)
    first = asyncio.create_task(house.post(MILD))
    await asked.wait()
    assert (await house.post(notification(alert("Mild"), group="more")))[0] == 503
    second = asyncio.create_task(house.post(DOWN))
    go.set()
    assert [(await one)[0] for one in (first, second)] == [200, 200]


async def test_a_sender_that_hangs_up_has_sent_its_notification(house: House) -> None:
    head = (
        "POST /webhooks/alertmanager HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer am-token\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(DOWN)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", house.client.port)
    writer.write(head.encode() + DOWN)
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(30):
        while not await opened(house):  # noqa: ASYNC110  (nobody is told)
            await asyncio.sleep(0.01)


async def test_a_refused_sev_2_is_kept_and_its_repetition_is_not_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []

    def parse(raw: bytes) -> Notification:
        read.append(raw)
        return parse_notification(raw)

    lag = notification(alert("ErrorRate", annotations={"error_rate": "7.3%"}), group="lag")
    with monkeypatch.context() as patch:
        patch.setattr(alertmanager, "parse_notification", parse)
        patch.setattr(admission_queue.Admission, "refuses", lambda _, place: place is not admission_queue.Place.FIRST)
        for _ in range(3):
            assert (await house.post(lag))[0] == 503
        assert len(read) == 1
        assert len(house.replica.refused) == 1
        assert (await house.post(DOWN))[0] == 200, "a SEV-1 is not refused"
    await settled(house)
    assert sorted(severity for severity, _ in await opened(house)) == ["SEV-1", "SEV-2"]
