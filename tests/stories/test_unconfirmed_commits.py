"""The response to a commit is lost: its leased rows are sent at once, not after the lease."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.incident.log.notification_outcome import Outcome
from receiver.model.alert.alert import parse_notification
from receiver.pipeline.intake import unconfirmed_commits
from receiver.pipeline.intake.unconfirmed_commits import UnconfirmedCommit
from receiver.pipeline.store_outage.store_monitor import StoreState
from receiver.replica import Replica
from receiver.store.client.connection import StoreAway
from tests.stories.test_emergency_pages import Outworld, outworld
from tests.stories.world import World, alert, notification

__all__ = ["outworld"]

SEV1 = notification(alert("ApiDown"))


async def unconfirmed(world: World, body: bytes, *, written: bool = True) -> None:
    """Post to the first replica while the response to a commit, or the commit itself, is lost."""
    replica: Replica = world.one
    write = replica.connection.write

    async def lost(*given: Any) -> Any:
        if written:
            await write(*given)
        raise StoreAway("the answer was lost")

    replica.connection.write = lost  # type: ignore[method-assign]
    try:
        with pytest.raises(StoreAway):
            await replica.intake.accept(parse_notification(body), world.clock.now())
    finally:
        replica.connection.write = write  # type: ignore[method-assign]
    replica.refused.add(parse_notification(body), body)


async def test_its_pages_are_sent_at_once(world: World) -> None:
    await world.open(replicas=2)
    await unconfirmed(world, SEV1)
    assert world.sent() == []
    await world.quiet()
    assert sorted(world.rung()) == ["alice", "eng-lead"]
    world.clock.forward("1s")
    await world.quiet()
    assert len(world.one.refused) == 0
    assert (await world.post(SEV1, to=1)).foremost.outcome is Outcome.DUPLICATE
    await world.forward("1m")
    assert len(world.sent()) == 2
    assert len(await world.incidents()) == 1


async def test_its_pages_are_made_of_what_was_written_and_not_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.open()
    await unconfirmed(world, SEV1)
    one, read = world.one, list[str]()
    rows = one.due.rows

    async def counted(leases: Any, **more: Any) -> Any:
        read.extend(member for member, _ in leases)
        return await rows(leases, **more)

    monkeypatch.setattr(one.due, "rows", counted)
    await one.work.idle()
    assert sorted(world.rung()) == ["alice", "eng-lead"], "queried at once, before the next beat"
    assert [member for member in read if " pager " in member] == []
    await world.forward("1m")
    assert len(world.sent()) == 2


async def test_one_that_was_not_written_is_asked_about_until_its_lease_would_have_ended(world: World) -> None:
    await world.open()
    await unconfirmed(world, SEV1, written=False)
    await world.quiet()
    assert sorted(world.rung()) == ["alice", "eng-lead"], "by the commit of the refused notification"
    assert len(world.one.work.unconfirmed) == 1
    await world.forward("30s")
    assert len(world.one.work.unconfirmed) == 0
    assert len(world.sent()) == 2


async def test_a_bounded_number_is_asked_about(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.open()
    monkeypatch.setattr(unconfirmed_commits, "MOST", 2)
    for token in ("a", "b", "c"):
        world.one.work.unconfirmed.add(UnconfirmedCommit(token, world.clock.monotonic(), f"uid of {token}"))
    assert [one.token for one in world.one.work.unconfirmed] == ["b", "c"]
    assert world.one.work.unconfirmed.uids() == {"uid of b", "uid of c"}


async def test_the_store_goes_away_with_the_answer_and_its_pages_are_sent_all_the_same(outworld: Outworld) -> None:
    await outworld.open(replicas=2)
    await unconfirmed(outworld, SEV1)
    await outworld.one.work.follower.follow(
        (await outworld.one.due.beat(0, round(outworld.clock.now().timestamp() * 1000))).changed
    )
    (incident,) = await outworld.incidents()
    await outworld.kill()
    await outworld.beats(5)
    assert sorted(outworld.rung()) == ["alice", "eng-lead"]
    assert set(outworld.sent()) == {page.key for page in incident.pages}
    outworld.server.restart()
    await outworld.beats(20)
    assert len(await outworld.incidents()) == 1
    assert outworld.pagerduty.rung == 2


async def test_a_store_that_is_slow_is_asked_although_it_counts_as_away(world: World) -> None:
    await world.open()
    await unconfirmed(world, SEV1)
    one = world.one
    one.monitor._state, one.monitor._failed_from = StoreState(away=True), one.clock.monotonic()
    for _ in range(2):
        world.clock.forward("250ms")
        await one.work.poll()
        await one.work.idle()
    assert sorted(world.rung()) == ["alice", "eng-lead"]


async def test_its_own_repetition_settles_nothing_while_nobody_has_its_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.open()
    one = world.one

    async def nothing() -> None:
        return None

    with monkeypatch.context() as patch:
        patch.setattr(one.work.unconfirmed, "ask", nothing)
        await unconfirmed(world, SEV1)
        await one.refused_retries.run_once()
        await one.work.idle()
        assert len(one.refused) == 1, "the store treats it as a repetition, and nobody was paged"
        world.clock.forward("3s")
        one.monitor._state, one.monitor._failed_from = StoreState(away=True), one.clock.monotonic()
        await one.refused_retries.run_once()
        await one.work.idle()
        assert sorted(world.rung()) == ["alice", "eng-lead"]
    await world.quiet()
    await world.forward("1m")
    assert len(one.refused) == 0
    assert len(world.sent()) == 2
    assert len(await world.incidents()) == 1
