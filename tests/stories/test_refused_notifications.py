"""Refused notifications of a replica: which ones are kept, dropped, or not sent again."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.model.alert.alert import Notification
from receiver.pipeline.store_outage import refused_notifications
from receiver.pipeline.store_outage.refused_notification_attempts import ADOPT_TRIES
from receiver.pipeline.store_outage.refused_notification_retries import SENT_AGAIN
from receiver.store.client.store_errors import Overloaded
from tests.stories.test_disconnected_replica import cut_off
from tests.stories.test_emergency_pages import DOWN, Outworld, outworld
from tests.stories.world import alert, notification

__all__ = ["outworld"]

FEW = 3


async def test_a_replica_that_has_no_time_tries_an_adoption_again(
    outworld: Outworld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outworld.open()
    await outworld.kill()
    await outworld.knock(DOWN)
    await outworld.beats(4)
    rung = len(outworld.sent())
    accept, tried = outworld.one.intake.accept, list[str]()

    async def busy(told: Notification, *given: Any, **more: Any) -> Any:
        if len(tried) <= 2 * ADOPT_TRIES:
            tried.append("")
            raise Overloaded("no time for it")
        return await accept(told, *given, **more)

    monkeypatch.setattr(outworld.one.intake, "accept", busy)
    outworld.server.restart()
    await outworld.beats(5 * ADOPT_TRIES)
    await outworld.quiet()
    assert len(await outworld.incidents()) == 1
    assert len(outworld.sent()) == rung == 2


async def known_and_refused(outworld: Outworld) -> None:
    """Page some groups with the store, kill it, and let the replica refuse them again."""
    await outworld.open()
    bodies = [notification(alert(f"Auth{number}"), group=f"known{number}") for number in range(FEW)]
    for body in bodies:
        await outworld.post(body)
    await outworld.kill()
    for body in bodies:
        await outworld.knock(body)
    await outworld.beats(4)
    assert len(outworld.sent()) == FEW, "their people were already paged"
    assert len(outworld.one.refused) == FEW, "they wait to be stored"


async def test_what_pages_nobody_gives_way_to_what_does(outworld: Outworld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused_notifications, "MOST", FEW)
    await known_and_refused(outworld)
    await outworld.knock(DOWN)
    await outworld.beats(4)
    assert sorted(set(outworld.rung())) == ["alice", "eng-lead"]
    assert len(outworld.one.refused) == FEW


async def test_what_pages_nobody_and_is_not_sent_again_has_ended(outworld: Outworld) -> None:
    await known_and_refused(outworld)
    await outworld.beats(int(SENT_AGAIN) - 10)
    assert len(outworld.one.refused) == FEW
    await outworld.beats(20)
    assert len(outworld.one.refused) == 0


async def test_a_body_that_was_not_read_replaces_nothing_that_is_newer(outworld: Outworld) -> None:
    await outworld.open()
    await outworld.kill()
    older = notification(alert("ApiDown", labels={"instance": "older"}), group="down")
    newer = notification(alert("ApiDown", labels={"instance": "newer"}), group="down")
    refused = outworld.one.refused
    outworld.clock.forward("1s")
    refused.add_unread(older)
    outworld.clock.forward("1s")
    await outworld.knock(newer)
    outworld.clock.forward("100ms")
    await outworld.one.refused_retries.run_once()
    assert [body for body, _ in refused.owed()] == [newer]


async def test_what_was_accepted_without_the_store_is_not_sent_again_by_its_row(outworld: Outworld) -> None:
    await outworld.open(replicas=2)
    one, other = outworld.replicas
    with cut_off(one):
        await outworld.knock(DOWN, to=0)
        for _ in range(4):
            outworld.clock.forward("1s")
            await one.turn()
            await one.work.idle()
        assert sorted(outworld.rung()) == ["alice", "eng-lead"]
        # The other replica stores it, and dies before it sends anything.
        other.work.pool._start = lambda send: None
        await outworld.post_to(DOWN, 1)
    with cut_off(other):
        for _ in range(20):
            outworld.clock.forward("1s")
            await one.turn()
            await one.work.idle()
    assert sorted(outworld.rung()) == ["alice", "eng-lead"], "the vendor has accepted it from this very replica"
    (incident,) = await one.incidents.listing(most=10)
    receipts = await one.incidents.receipts(incident.uid)
    delivered = [receipt for receipt in receipts if (receipt["channel"], receipt["outcome"]) == ("pager", "delivered")]
    assert sorted(receipt["to"] for receipt in delivered) == ["alice", "eng-lead"]
