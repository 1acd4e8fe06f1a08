"""An accepted page is sent once, with or without the store; its receipt is written when the store is back."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from receiver.incident.log.notification_outcome import Outcome
from receiver.model.alert.alert import parse_notification
from receiver.model.incident.state import State
from receiver.store.client.store_errors import StoreUnreachable
from receiver.store.due.due_set import DueSet, LeasedRow
from tests.fakes import Answer
from tests.stories.test_emergency_pages import DOWN, Outworld, outworld
from tests.stories.world import alert, notification

__all__ = ["outworld"]


async def accepted(outworld: Outworld, body: bytes = DOWN) -> None:
    """Let a replica accept a notification just before the store becomes unavailable, before anything is sent."""
    one, left = outworld.one, list[Any]()
    start = one.work.deliveries.spawn_send
    one.work.pool._start = left.append
    await outworld.knock_taken(body)
    await outworld.kill()
    one.work.pool._start = start
    for send in left:
        start(send)
    await one.work.idle()


async def test_it_goes_out_without_the_store_and_is_resolved_in_the_end(outworld: Outworld) -> None:
    await outworld.open()
    await accepted(outworld)
    await outworld.beats(3)
    assert sorted(outworld.rung()) == ["alice", "eng-lead"]
    outworld.server.restart()
    await outworld.beats(4)
    await outworld.forward("1m")
    assert len(outworld.sent()) == 2, "the receipt is written: no replica sends it again"
    (incident,) = await outworld.incidents()
    receipts = await outworld.one.incidents.receipts(incident.uid)
    delivered = [one for one in receipts if one["channel"] == "pager" and one["outcome"] == "delivered"]
    assert {one["to"] for one in delivered} == {"alice", "eng-lead"}
    await outworld.post(notification(alert("ApiDown", firing=False)))
    await outworld.forward("16m")
    assert outworld.pagerduty.open() == []
    assert (await outworld.incidents())[0].state is State.RESOLVED


async def test_a_beat_that_waits_for_the_store_holds_it_up_for_nobody(
    outworld: Outworld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outworld.open()
    one, answers = outworld.one, asyncio.Event()

    async def waiting(*args: Any) -> Any:
        await answers.wait()
        raise StoreUnreachable("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(one.due, "beat", waiting)
        beat = asyncio.create_task(one.work.guarded_poll())
        await accepted(outworld)
        while not one.monitor.away:
            await one.monitor.check()
        await one.work.check_pending()
        await one.work.idle()
        assert sorted(outworld.rung()) == ["alice", "eng-lead"]
        assert not beat.done()
        answers.set()
        await beat


async def test_it_is_claimed_anew_while_it_is_being_sent_and_is_sent_once(
    outworld: Outworld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outworld.open()
    one, begun, goes_on = outworld.one, asyncio.Event(), asyncio.Event()
    channel = one.setting.channels["pager"]
    send = type(channel).send

    async def slowly(self: Any, notice: Any) -> Any:
        begun.set()
        await goes_on.wait()
        return await send(self, notice)

    await accepted(outworld)
    while not one.monitor.away:
        await one.monitor.check()
    with monkeypatch.context() as patched:
        patched.setattr(type(channel), "send", slowly)
        await one.work.check_pending()
        await begun.wait()
        for page in list(one.work.unstored._pages.values()):
            one.work.pool.add("pager!", replace(page.row, token="of a newer lease"), one.clock.monotonic() + 60)
        goes_on.set()
        await one.work.idle()
    assert sorted(outworld.rung()) == ["alice", "eng-lead"]
    assert len(outworld.pagerduty.taken) == 2
    assert {page.row.token for page in one.work.unstored._pages.values()} == {"of a newer lease"}
    outworld.server.restart()
    await outworld.beats(4)
    await outworld.forward("1m")
    assert len(set(outworld.sent())) == 2


async def test_it_is_repeated_until_the_vendor_has_it(outworld: Outworld) -> None:
    await outworld.open()
    outworld.pagerduty.script.extend([Answer(status=503)] * 6)
    await accepted(outworld)
    await outworld.beats(60)
    assert sorted(outworld.rung()) == ["alice", "eng-lead"]


async def test_it_is_given_up_after_a_quarter_of_an_hour(outworld: Outworld) -> None:
    await outworld.open()
    outworld.pagerduty.script.extend([Answer(status=503)] * 1000)
    await accepted(outworld)
    await outworld.beats(15 * 60 + 5)
    assert len(outworld.one.work.unstored) == 0


async def test_what_was_sent_is_written_down_and_not_sent_again(
    outworld: Outworld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outworld.open()
    complete = DueSet.complete

    async def lost(*args: Any, **more: Any) -> str:
        await outworld.kill() if outworld.server.alive() else None
        raise StoreUnreachable("the store died just before it could be told")

    with monkeypatch.context() as patched:
        patched.setattr(DueSet, "complete", lost)
        await outworld.knock_taken(DOWN)
        await outworld.one.work.idle()
    assert DueSet.complete is complete
    await outworld.beats(20)
    assert len(set(outworld.sent())) == len(outworld.sent())
    outworld.server.restart()
    await outworld.beats(4)
    await outworld.forward("1m")
    assert sorted(outworld.rung()) == ["alice", "eng-lead"]


async def test_a_store_that_fails_one_command_delays_no_page(
    outworld: Outworld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outworld.open()
    incident, failed = outworld.one.incidents.incident, list[str]()

    async def once(uid: str) -> Any:
        if len(failed) < 2:
            failed.append(uid)
            raise StoreUnreachable("a connection was reset")
        return await incident(uid)

    monkeypatch.setattr(outworld.one.incidents, "incident", once)
    await outworld.knock_taken(DOWN)
    await outworld.one.work.idle()
    await outworld.beats(1)
    assert sorted(outworld.rung()) == ["alice", "eng-lead"]


async def test_receipts_are_written_together_and_hold_the_work_loop_up_for_nobody(
    outworld: Outworld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outworld.open()
    one, left = outworld.one, list[Any]()
    start = one.work.deliveries.spawn_send
    one.work.pool._start = left.append
    for number in range(10):
        await outworld.knock_taken(notification(alert("ApiDown", labels={"service": f"s{number}"}), group=f"s{number}"))
    await outworld.kill()
    one.work.pool._start = start
    for send in left:
        start(send)
    await outworld.beats(4)
    assert outworld.pagerduty.rung == 20
    complete, go, under_way = one.due.complete, asyncio.Event(), Counter[str]()

    async def slowly(*args: Any, **more: Any) -> str:
        under_way["now"] += 1
        await go.wait()
        return await complete(*args, **more)

    monkeypatch.setattr(one.due, "complete", slowly)
    outworld.server.restart()
    await one.turn()
    assert not one.monitor.away
    await one.turn()
    assert under_way["now"] >= 20, "all of them at once, and the loop has polled the store twice"
    go.set()
    await one.work.idle()
    monkeypatch.undo()
    assert len(one.work.unstored) == 0
    await outworld.forward("1m")
    assert len(outworld.sent()) == 20
    for incident in await outworld.incidents():
        receipts = await one.incidents.receipts(incident.uid)
        assert sum(told["channel"] == "pager" and told["outcome"] == "delivered" for told in receipts) == 2


async def test_a_row_of_another_replica_goes_out_without_the_store(
    outworld: Outworld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outworld.open(replicas=2)
    one, other = outworld.replicas
    monkeypatch.setattr(one.work.snapshots, "behind", list)  # only the snapshot that was read with the row
    other.work.pool.stopping = True  # it dies before it sends anything
    await other.intake.accept(parse_notification(DOWN), outworld.clock.now())

    async def gone(row: LeasedRow, *_: Any) -> Any:
        await outworld.kill() if outworld.server.alive() else None
        raise StoreUnreachable("the store died before the incident could be read")

    monkeypatch.setattr(one.work.deliver.notices, "read", gone)
    for _ in range(20):
        outworld.clock.forward("1s")
        await one.turn()
        await one.work.idle()
    assert sorted(outworld.rung()) == ["alice", "eng-lead"]
    monkeypatch.undo()
    outworld.server.restart()
    await outworld.beats(6)
    assert len(outworld.sent()) == 2


async def test_one_that_the_vendor_has_refused_before_is_tried_again_without_the_store(outworld: Outworld) -> None:
    await outworld.open()
    outworld.pagerduty.script.extend([Answer(status=503)] * 2)
    await outworld.knock_taken(DOWN)
    await outworld.one.work.idle()
    assert len(outworld.pagerduty.received) == 2, "both people's pages are due again, and the store has them"
    await outworld.kill()
    await outworld.beats(10)
    assert sorted(outworld.rung()) == ["alice", "eng-lead"]
    outworld.server.restart()
    await outworld.beats(4)
    await outworld.forward("1m")
    assert len(outworld.sent()) == 2, "no replica sends it again"
    (incident,) = await outworld.incidents()
    receipts = await outworld.one.incidents.receipts(incident.uid)
    assert {one["to"] for one in receipts if one["outcome"] == "delivered"} >= {"alice", "eng-lead"}
    await outworld.post(notification(alert("ApiDown", firing=False)))
    await outworld.forward("16m")
    assert outworld.pagerduty.open() == []


async def test_one_that_waits_for_the_quota_of_its_vendor_does_not_wait_for_the_store(
    outworld: Outworld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outworld.open()

    async def wait(*_: Any) -> tuple[int, int]:
        return 3000, 1

    monkeypatch.setattr(outworld.one.work.deliver.pace, "draw", wait)
    await outworld.knock_taken(DOWN)
    await outworld.one.work.idle()
    assert outworld.pagerduty.received == []
    await outworld.kill()
    await outworld.beats(10)
    assert sorted(outworld.rung()) == ["alice", "eng-lead"]


async def test_one_that_another_replica_has_sent_is_not_sent_again(outworld: Outworld) -> None:
    await outworld.open(replicas=2)
    outworld.pagerduty.script.extend([Answer(status=503)] * 2)
    await outworld.knock_taken(DOWN)
    await outworld.one.work.idle()
    for _ in range(8):
        outworld.clock.forward("1s")
        await outworld.replicas[1].turn()
        await outworld.replicas[1].work.idle()
    await outworld.one.turn()
    assert sorted(outworld.rung()) == ["alice", "eng-lead"]
    await outworld.kill()
    await outworld.beats(20)
    assert len(outworld.sent()) == 2


async def test_a_commit_that_is_answered_after_its_request_pages_at_once(
    outworld: Outworld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outworld.open()
    one, written, answered = outworld.one, asyncio.Event(), asyncio.Event()
    commit = one.incidents.commit

    async def late(*args: Any, **more: Any) -> Any:
        done = await commit(*args, **more)
        written.set()
        await answered.wait()
        return done

    monkeypatch.setattr(one.incidents, "commit", late)
    request = asyncio.create_task(outworld.knock_taken(DOWN))
    await written.wait()
    request.cancel()
    await asyncio.wait({request})
    assert request.cancelled()
    answered.set()
    while not outworld.rung():
        await one.work.idle()
        await asyncio.sleep(0)
    answer = await outworld.post(DOWN)
    assert answer.foremost.outcome is Outcome.DUPLICATE
    assert sorted(outworld.rung()) == ["alice", "eng-lead"]
