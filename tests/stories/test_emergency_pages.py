"""The store is unavailable: pages are still sent, once, and everything is stored when it is back."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver.incident.log.notification_outcome import Outcome
from receiver.model.alert.alert import Notification, parse_notification
from receiver.model.delivery.notice import Notice
from receiver.model.incident.event import Kind
from receiver.model.incident.state import State
from receiver.pipeline.response.pagerduty_events import UnknownPage
from receiver.pipeline.store_outage import emergency_pages, refused_notifications
from receiver.pipeline.store_outage.refused_notification_attempts import ADOPT_TRIES
from receiver.store.client.connection import Contended, StoreAway
from receiver.store.embedded.embedded_store import EmbeddedStore
from tests.fakes import Answer
from tests.stories.world import World, alert, notification

DOWN = notification(alert("ApiDown"))


class Outworld(World):
    """A world whose store can be killed and started again."""

    def __init__(self, store: EmbeddedStore) -> None:
        super().__init__(store.start())
        self.server = store

    async def kill(self) -> None:
        pid = self.server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while self.server.alive():
            pass

    async def knock(self, body: bytes, to: int = 0) -> None:
        """Post like the endpoint while the store is unavailable: refused, and kept."""
        replica = self.replicas[to]
        try:
            if replica.monitor.away:
                raise StoreAway("away")
            await replica.intake.accept(parse_notification(body), self.clock.now())
        except StoreAway as error:
            replica.monitor.failed(error)
            replica.refused.add(parse_notification(body), body)
        else:
            raise AssertionError("the store was available")

    async def knock_taken(self, body: bytes) -> None:
        """Post like the endpoint while the store is available, without processing anything else yet."""
        await self.one.intake.accept(parse_notification(body), self.clock.now())

    async def post_to(self, body: bytes, to: int) -> None:
        """Post to one replica, and process what follows immediately there."""
        replica = self.replicas[to]
        await replica.intake.accept(parse_notification(body), self.clock.now())
        for _ in range(3):
            await replica.turn()
            await replica.work.idle()

    async def beats(self, seconds: int) -> None:
        """Move the clock second by second."""
        for _ in range(seconds):
            self.clock.forward("1s")
            for replica in self.replicas:
                await replica.turn()
                await replica.work.idle()
                left = 0
                while not replica.monitor.away and len(replica.refused) != left:
                    # Refused notifications are checked twenty times a second, two at a time.
                    left = len(replica.refused)
                    await replica.refused_retries.run_once()
                    await replica.work.idle()


@pytest.fixture
async def outworld(tmp_path: Path) -> AsyncIterator[Outworld]:
    """A world with its own store."""
    store = EmbeddedStore(tmp_path / "data")
    made = Outworld(store)
    try:
        yield made
        await made.close()
    finally:
        store.stop()


async def test_a_page_goes_out_without_the_store_and_is_adopted(outworld: Outworld) -> None:
    await outworld.open(replicas=2)
    await outworld.kill()
    await outworld.knock(DOWN, to=0)
    await outworld.knock(DOWN, to=1)
    await outworld.beats(1)
    assert outworld.rung() == []  # not at once: Alertmanager retries, and the store may be back
    await outworld.beats(2)
    await outworld.knock(DOWN)
    await outworld.beats(5)
    assert sorted(set(outworld.rung())) == ["alice", "eng-lead"]
    assert len(outworld.sent()) == 4  # each key once per replica
    assert outworld.pagerduty.rung == 2

    outworld.server.restart()
    await outworld.beats(1)
    assert not outworld.one.monitor.away
    await outworld.quiet()
    assert [i.severity for i in await outworld.incidents()] == ["SEV-1"]
    answer = await outworld.post(DOWN)
    assert answer.foremost.outcome is Outcome.DUPLICATE
    assert outworld.pagerduty.rung == 2
    await outworld.post(notification(alert("ApiDown", firing=False)))
    await outworld.forward("16m")
    assert (await outworld.incidents())[0].state is State.RESOLVED
    assert outworld.pagerduty.open() == []


async def test_who_answers_before_the_page_has_an_incident_is_heard(outworld: Outworld) -> None:
    await outworld.open()
    await outworld.kill()
    await outworld.knock(DOWN)
    await outworld.beats(3)
    key = outworld.sent()[0]
    event = {
        "id": "e1",
        "event_type": "incident.acknowledged",
        "occurred_at": outworld.clock.now().isoformat(),
        "agent": {"id": "P1", "type": "user_reference", "summary": "Alice"},
        "data": {"id": "PGR0", "type": "incident", "incident_key": key, "title": ""},
    }
    body = json.dumps({"event": event}).encode()
    outworld.server.restart()
    # The store is back, and the sent pages are not stored yet.
    with pytest.raises(UnknownPage):
        await outworld.one.pagerduty_events.take(body, outworld.clock.now())
    await outworld.beats(1)
    await outworld.quiet()
    assert (await outworld.one.pagerduty_events.take(body, outworld.clock.now())).outcome == "updated"
    assert (await outworld.incidents())[0].state is State.ACKNOWLEDGED
    # A commit that was never written is not queried forever.
    stranger = body.replace(b"/1795", b"/1695").replace(b'"e1"', b'"e2"')
    outworld.clock.forward("6m")
    assert (await outworld.one.pagerduty_events.take(stranger, outworld.clock.now())).outcome == "ignored"


UNTHOUGHT = ValueError("nobody has thought of this")
REFUSED = StoreAway("WRONGTYPE Operation against a key holding the wrong kind of value")


@pytest.mark.parametrize(
    ("error", "times", "adopted", "counted"),
    [
        (UNTHOUGHT, 99, False, ADOPT_TRIES),
        (REFUSED, 99, False, ADOPT_TRIES),
        (Contended("every attempt conflicted with another change"), 99, False, 0),
        (REFUSED, ADOPT_TRIES - 1, True, ADOPT_TRIES - 1),
        (Contended("every attempt conflicted with another change"), ADOPT_TRIES - 1, True, 0),
    ],
)
async def test_an_adoption_is_tried_again_and_keeps_nothing_away(
    outworld: Outworld, monkeypatch: pytest.MonkeyPatch, error: Exception, times: int, adopted: bool, counted: int
) -> None:
    await outworld.open()
    await outworld.kill()
    spoiled = notification(alert("ApiDown", labels={"service": "spoiled"}), group="spoiled")
    for body in (spoiled, DOWN):
        await outworld.knock(body)
    await outworld.beats(5)
    rung = outworld.pagerduty.rung
    accept, tried = outworld.one.intake.accept, list[str]()

    async def failing(notification: Notification, *given: Any, **more: Any) -> Any:
        if "spoiled" in str(notification.group_key) and more and len(tried) < times:
            tried.append("")
            raise error
        return await accept(notification, *given, **more)

    monkeypatch.setattr(outworld.one.intake, "accept", failing)
    outworld.server.restart()
    await outworld.beats(ADOPT_TRIES)
    assert not outworld.one.monitor.away
    await outworld.quiet()
    known = {one.service for one in await outworld.incidents()}
    assert known == ({"api", "spoiled"} if adopted else {"api"})
    assert outworld.one.metrics.loop_errors.labels("adopt")._value.get() == counted
    await outworld.post(spoiled)
    assert {one.service for one in await outworld.incidents()} == {"api", "spoiled"}, "Alertmanager sends it again"
    assert outworld.pagerduty.rung == rung, "nobody is paged twice"


async def test_what_was_open_before_is_not_paged_again(outworld: Outworld) -> None:
    await outworld.open(replicas=2)
    await outworld.post(DOWN)
    assert outworld.pagerduty.rung == 2
    await outworld.kill()
    for to in (0, 1):
        await outworld.knock(notification(alert("ApiDown"), alert("ServiceDown")), to=to)
    await outworld.beats(10)
    assert len(outworld.sent()) == 2
    outworld.server.restart()
    await outworld.beats(2)
    assert [i.label for i in await outworld.incidents()] == ["INC-2026-0001"]


async def test_only_what_pages_is_paged_and_nothing_resolves(outworld: Outworld) -> None:
    await outworld.open()
    await outworld.post(DOWN)
    await outworld.kill()
    await outworld.knock(notification(alert("ApiDown", firing=False)))
    await outworld.knock(notification(alert("DataLag"), group="lag"))
    await outworld.beats(10)
    assert len(outworld.sent()) == 2
    assert outworld.sent("resolve") == outworld.sent("acknowledge") == []
    outworld.server.restart()
    await outworld.beats(2)
    assert (await outworld.incidents())[0].state is State.OPEN


async def test_it_rings_until_the_pager_takes_it(outworld: Outworld) -> None:
    await outworld.open()
    outworld.pagerduty.script.extend([Answer(status=500)] * 5)
    await outworld.kill()
    await outworld.knock(DOWN)
    await outworld.beats(60)
    assert sorted(outworld.rung()) == ["alice", "eng-lead"]


async def test_it_is_not_put_off_for_as_long_as_the_vendor_says(outworld: Outworld) -> None:
    await outworld.open()
    outworld.pagerduty.script.extend([Answer(status=503, headers={"Retry-After": "3600"})] * 2)
    await outworld.kill()
    await outworld.knock(DOWN)
    await outworld.beats(90)
    assert sorted(outworld.rung()) == ["alice", "eng-lead"]


async def test_one_that_hangs_keeps_no_other_waiting(outworld: Outworld, monkeypatch: pytest.MonkeyPatch) -> None:
    await outworld.open()
    one = outworld.one
    pager, free = one.setting.channels["pager"], asyncio.Event()
    send = pager.send

    async def hanging(notice: Notice) -> Any:
        if "eng-lead" not in notice.key and not free.is_set():
            await free.wait()
        return await send(notice)

    monkeypatch.setattr(pager, "send", hanging)
    await outworld.kill()
    try:
        for service in ("api", "shop"):
            await outworld.knock(notification(alert("ApiDown", labels={"service": service}), group=service))
            for _ in range(4):
                outworld.clock.forward("1s")
                await asyncio.wait_for(one.turn(), 5)
        for _ in range(100):
            await asyncio.sleep(0.01)
            if len(outworld.sent()) == 2:
                break
        assert outworld.rung() == ["eng-lead", "eng-lead"]
        outworld.server.restart()
        await one.turn()
        assert await outworld.incidents() == [], "the end of the others is part of the adopted data"
    finally:
        free.set()
    await one.work.idle()
    await outworld.beats(2)
    assert not one.monitor.away
    assert sorted(outworld.rung()) == ["alice", "alice", "eng-lead", "eng-lead"]


async def test_what_goes_by_a_channel_that_a_reload_took_away_comes_behind_the_others(
    outworld: Outworld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outworld.open()
    monkeypatch.setattr(emergency_pages, "AT_ONCE", 1)
    one = outworld.one.pages
    await outworld.kill()
    await outworld.knock(DOWN)
    monkeypatch.setattr(one, "spawn", lambda step, act: None)
    await outworld.beats(3)
    monkeypatch.undo()
    monkeypatch.setattr(emergency_pages, "AT_ONCE", 1)
    first, *_ = one._pages.values()
    first.busy, first.page = False, first.page.model_copy(update={"channel": "gone"})
    await outworld.beats(3)
    assert outworld.rung() == ["eng-lead" if "alice" in first.page.key else "alice"]


async def test_what_does_not_page_takes_no_room_from_what_does(
    outworld: Outworld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outworld.open()
    monkeypatch.setattr(refused_notifications, "MOST", 20)
    await outworld.kill()
    for number in range(30):
        await outworld.knock(notification(alert("DataLag"), group=f"lag{number}"))
    await outworld.beats(3)
    await outworld.knock(DOWN)
    await outworld.beats(2)
    assert sorted(outworld.rung()) == ["alice", "eng-lead"]


async def test_what_was_rung_in_doubt_still_gets_its_resolve(outworld: Outworld) -> None:
    await outworld.open()
    outworld.pagerduty.script.extend([Answer(reset="after")] * 2)
    await outworld.kill()
    await outworld.knock(DOWN)
    await outworld.beats(3)
    assert outworld.pagerduty.rung == 2
    outworld.server.restart()
    await outworld.beats(1)
    await outworld.post(notification(alert("ApiDown", firing=False)))
    await outworld.forward("16m")
    assert outworld.pagerduty.open() == []
    assert outworld.pagerduty.rung == 2


async def test_a_short_absence_pages_through_the_store(outworld: Outworld) -> None:
    await outworld.open()
    await outworld.kill()
    await outworld.knock(DOWN)
    outworld.server.restart()
    await outworld.beats(3)
    assert outworld.pagerduty.rung == 2
    (incident,) = await outworld.incidents()
    kinds = [event.kind for event in await outworld.one.incidents.events(incident.uid)]
    assert Kind.EMERGENCY_PAGED not in kinds, "the refused notification was stored, and paged like any other"
    assert (await outworld.post(DOWN)).foremost.outcome is Outcome.DUPLICATE
    assert outworld.pagerduty.rung == 2


async def test_an_emergency_page_that_fails_for_its_own_fault_is_tried_again_and_holds_up_no_other(
    outworld: Outworld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outworld.open()
    pager, failed = outworld.one.setting.channels["pager"], 0
    send = pager.send

    async def failing(notice: Notice) -> Any:
        nonlocal failed
        if "alice" in notice.key and failed < 2:
            failed += 1
            raise ValueError("nobody has thought of this")
        return await send(notice)

    monkeypatch.setattr(pager, "send", failing)
    await outworld.kill()
    await outworld.knock(DOWN)
    await outworld.beats(40)
    assert outworld.rung() == ["eng-lead", "alice"]


async def test_firing_again_while_the_store_is_away_it_calls_under_the_key_that_the_incident_will_give(
    outworld: Outworld,
) -> None:
    await outworld.open()
    await outworld.post(DOWN)
    await outworld.post(notification(alert("ApiDown", firing=False)))
    assert outworld.pagerduty.open() == []
    await outworld.kill()
    again = notification(alert("ApiDown", starts="2026-11-23T14:02:15Z"))
    await outworld.knock(again)
    await outworld.beats(5)
    assert sorted(outworld.rung()) == ["alice", "alice", "eng-lead", "eng-lead"]
    calls = outworld.sent()
    outworld.server.restart()
    await outworld.beats(2)
    await outworld.quiet()
    (incident,) = await outworld.incidents()
    assert (incident.state, incident.flaps) == (State.OPEN, 1)
    assert {page.key for page in incident.unanswered} == set(calls[2:])
    await outworld.post(again)
    await outworld.forward("1m")
    assert outworld.sent() == calls, "nobody is paged twice for it"
    assert len(outworld.pagerduty.open()) == 2
