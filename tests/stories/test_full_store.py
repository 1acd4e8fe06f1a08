"""A store with full memory refuses new data; existing incidents are sent, escalated, acknowledged and ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from receiver.incident.store_outage.emergency_escalation import NOTE
from receiver.model.alert.alert import parse_notification
from receiver.model.command import Acknowledge, AddNote
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.state import State
from receiver.store.client.store_errors import StoreFull
from tests.conftest import ask
from tests.fakes import Answer
from tests.stories.test_disconnected_replica import OVER
from tests.stories.test_emergency_pages import DOWN, Outworld, outworld
from tests.stories.world import alert, notification

__all__ = ["outworld"]

ALICE = Actor(kind=ActorKind.PERSON, name="alice")
FIRST = "INC-2026-0001"


@contextmanager
def full(outworld: Outworld) -> Iterator[None]:
    """Set the store's memory limit below its usage."""
    assert ask(outworld.store, "CONFIG", "SET", "maxmemory", "1") == b"+OK\r\n"
    try:
        yield
    finally:
        assert ask(outworld.store, "CONFIG", "SET", "maxmemory", "0") == b"+OK\r\n"


async def test_what_it_has_goes_on_to_its_end(outworld: Outworld) -> None:
    await outworld.open()
    outworld.pagerduty.script.extend([Answer(status=503)] * 2)
    await outworld.knock_taken(DOWN)
    await outworld.one.work.idle()
    assert outworld.rung() == []
    with full(outworld):
        with pytest.raises(StoreFull):
            await outworld.one.intake.accept(
                parse_notification(notification(alert("ServiceDown"))), outworld.clock.now()
            )
        await outworld.beats(15)
        assert (outworld.one.monitor.away, outworld.one.monitor.full) == (True, True)
        assert sorted(outworld.rung()) == ["alice", "eng-lead"], "its rows are claimed and completed"
        await outworld.beats(5 * 60)
        backups = set(outworld.rung()) - {"alice", "eng-lead"}
        assert backups, "it is unacknowledged, so it is escalated"
        assert NOTE not in str(outworld.pagerduty.taken), "by the store, as ever"
        assert len(outworld.sent()) == len(set(outworld.sent()))

        await outworld.one.respond.act(FIRST, Acknowledge(), ALICE, outworld.clock.now())
        await outworld.beats(3)
        assert len(outworld.sent("acknowledge")) == len(outworld.sent())
        with pytest.raises(StoreFull):
            await outworld.one.respond.act(FIRST, AddNote(text="a note waits"), ALICE, outworld.clock.now())
        await outworld.post_to(OVER, 0)
        await outworld.beats(3)
        assert (await outworld.incidents())[0].state is State.MONITORING
        await outworld.forward("16m")
        assert (await outworld.incidents())[0].state is State.RESOLVED
        assert outworld.pagerduty.open() == []
        assert outworld.one.monitor.full
    await outworld.beats(2)
    assert not outworld.one.monitor.away
    assert outworld.one.metrics.loop_errors.labels("timers")._value.get() == 0


async def test_what_is_new_is_paged_without_it_and_adopted(outworld: Outworld) -> None:
    await outworld.open()
    with full(outworld):
        await outworld.beats(2)
        await outworld.knock(DOWN)
        await outworld.beats(5)
        assert sorted(outworld.rung()) == ["alice", "eng-lead"]
    await outworld.beats(3)
    await outworld.quiet()
    (incident,) = await outworld.incidents()
    kinds = {event.kind for event in await outworld.one.incidents.events(incident.uid)}
    assert Kind.EMERGENCY_PAGED in kinds
    assert len(outworld.sent()) == 2
