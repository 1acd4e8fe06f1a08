"""A replica that was disconnected from the store returns with pages for alerts that have ended meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from receiver.model.incident.event import Kind
from receiver.model.incident.state import State
from receiver.replica import Replica
from receiver.store.client.store_errors import StoreUnreachable
from tests.stories.test_emergency_pages import DOWN, Outworld, outworld
from tests.stories.world import alert, notification

__all__ = ["outworld"]
OVER = notification(alert("ApiDown", firing=False))


@contextmanager
def cut_off(replica: Replica) -> Iterator[None]:
    """Let only this replica lose its connections to the store."""
    guarded = replica.connection.guarded

    class Failing:
        async def __aenter__(self) -> Any:
            raise StoreUnreachable("the network is cut")

        async def __aexit__(self, *_: object) -> None:
            return None

    replica.connection.guarded = Failing  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        replica.connection.guarded = guarded  # type: ignore[method-assign]


async def back(outworld: Outworld) -> None:
    await outworld.beats(6)
    await outworld.quiet()


async def test_what_another_replica_has_ended_is_not_opened_again(outworld: Outworld) -> None:
    await outworld.open(replicas=2)
    with cut_off(outworld.replicas[0]):
        await outworld.knock(DOWN, to=0)
        await outworld.beats(5)
        assert sorted(set(outworld.rung())) == ["alice", "eng-lead"]
        await outworld.post_to(DOWN, 1)
        await outworld.post_to(OVER, 1)
        for _ in range(16 * 60 // 5):
            outworld.clock.forward("5s")
            await outworld.replicas[1].turn()
            await outworld.replicas[1].work.idle()
        assert outworld.pagerduty.open() == []
    rung = outworld.pagerduty.rung
    await back(outworld)
    await outworld.forward("70m")
    (incident,) = await outworld.incidents()
    assert incident.state in (State.RESOLVED, State.CLOSED)
    assert outworld.pagerduty.rung == rung, "nobody is notified again"
    assert outworld.pagerduty.open() == []
    kinds = [event.kind for event in await outworld.replicas[1].incidents.events(incident.uid)]
    assert Kind.EMERGENCY_PAGED in kinds
    assert Kind.REOPENED not in kinds


async def test_an_end_that_came_before_the_beginning_is_believed(outworld: Outworld) -> None:
    await outworld.open(replicas=2)
    with cut_off(outworld.replicas[0]):
        await outworld.knock(DOWN, to=0)
        await outworld.beats(5)
        assert outworld.pagerduty.rung == 2
        await outworld.post_to(OVER, 1)
        assert await outworld.replicas[1].incidents.listing(most=10) == []
    await back(outworld)
    await outworld.forward("20m")
    (incident,) = await outworld.incidents()
    assert incident.state is State.RESOLVED
    assert outworld.pagerduty.open() == []
    assert outworld.pagerduty.rung == 2


async def test_a_late_trigger_of_a_page_that_was_resolved_is_resolved_again(
    outworld: Outworld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outworld.open(replicas=2)
    with cut_off(outworld.replicas[0]):
        await outworld.post_to(DOWN, 1)
        await outworld.post_to(OVER, 1)
        for _ in range(5):
            outworld.clock.forward("5s")
            await outworld.replicas[1].turn()
            await outworld.replicas[1].work.idle()
        assert outworld.pagerduty.open() == []
        await outworld.knock(DOWN, to=0)
        await outworld.beats(5)
        assert len(outworld.pagerduty.open()) == 2, "it knows nothing of the end, and uses the same keys"
    await back(outworld)
    await outworld.forward("20m")
    (incident,) = await outworld.incidents()
    assert incident.state is State.RESOLVED
    assert outworld.pagerduty.open() == []
