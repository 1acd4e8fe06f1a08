"""Every page in a log ends: accepted by the vendor, canceled with a reason, a dead letter, or still due."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from receiver.model.alert.alert import parse_notification
from receiver.model.command import Acknowledge, Edit
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.severity import Severity
from tests.fakes import Answer
from tests.page_outcomes import ending, unended
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")
SEV2 = notification(alert("AuthFailing"))
OVER = notification(alert("AuthFailing", firing=False))


async def ends(world: World) -> list[str | None]:
    """Return how each page of the only incident ended."""
    (incident,) = await world.incidents()
    receipts = await world.one.incidents.receipts(incident.uid)
    log = await world.one.incidents.events(incident.uid)
    pages = [event.data["page"] | {"seq": event.seq} for event in log if event.kind is Kind.PAGE]
    with redis.Redis.from_url(world.store, decode_responses=True) as client:
        return [ending(client, "{receiver}:", incident.uid, page, receipts) for page in pages]


async def dies_after_the_commit(world: World, body: bytes) -> None:
    """Let the second replica store a notification and die before it pages anyone."""
    victim = world.replicas[1]
    victim.work.pool.stopping = True  # it sends nothing while the work after the commit is still running
    await victim.intake.accept(parse_notification(body), world.clock.now())
    for task in victim.work.tasks.running:
        task.cancel()


async def test_a_page_of_a_replica_that_died_is_cancelled_where_the_alerts_have_ended_before_its_lease(
    world: World,
) -> None:
    await world.open(replicas=2)
    await dies_after_the_commit(world, SEV2)
    victim = world.replicas.pop()
    assert await ends(world) == ["owed"]
    await world.post(OVER)
    assert await ends(world) == ["owed"], "it is leased to the dead replica"
    await world.forward("15s")
    assert world.sent() == []
    assert len(world.sent("resolve")) == 1, "it may have been sent, which is unknown"
    assert await ends(world) == ["cancelled: alerts_ended"]
    await victim.close()


async def test_a_page_that_was_answered_before_it_was_sent_is_cancelled(world: World) -> None:
    await world.open()
    world.pagerduty.script.append(Answer(status=500))
    await world.post(SEV2)
    assert await ends(world) == ["owed"]
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    await world.forward("1m")
    assert world.sent() == []
    assert await ends(world) == ["cancelled: acknowledged"]


async def test_a_page_that_nothing_calls_for_any_more_is_cancelled_and_rings_once_something_does(world: World) -> None:
    await world.open()
    held = Answer(status=429, headers={"Retry-After": "10"})
    world.pagerduty.script.append(held)
    await world.post(SEV2)
    await world.one.respond.act("INC-2026-0001", Edit(severity=Severity.SEV3), ALICE, world.clock.now())
    await world.forward("1m")
    assert await ends(world) == ["cancelled: severity_lowered"]
    receipt = (await world.one.incidents.receipts((await world.incidents())[0].uid))[-1]
    assert {receipt["outcome"], receipt["action"]} & {"cancelled", "resolve"}
    await world.one.respond.act("INC-2026-0001", Edit(severity=Severity.SEV2), ALICE, world.clock.now())
    await world.forward("1m")
    assert world.rung() == ["alice"]
    assert set(await ends(world)) == {"accepted"}


async def test_a_page_that_was_accepted_is_not_cancelled_by_what_follows(world: World) -> None:
    await world.open()
    await world.post(SEV2)
    await world.post(OVER)
    await world.forward("30m")
    assert await ends(world) == ["accepted"]
    told = await world.one.incidents.receipts((await world.incidents())[0].uid)
    assert [one for one in told if "cancelled" in one] == []
    log = await world.one.incidents.events((await world.incidents())[0].uid)
    (page,) = [event.seq for event in log if event.kind is Kind.PAGE]
    assert {one["page"] for one in told if one["channel"] == "pager"} == {page}


@pytest.mark.parametrize("loss", ["row", "due"])
async def test_a_page_that_does_not_end_is_seen(world: World, loss: str) -> None:
    await world.open()
    world.pagerduty.script.append(Answer(status=500))
    await world.post(SEV2)
    client: Any = redis.Redis.from_url(world.store, decode_responses=True)
    with client:
        (name,) = list(client.scan_iter("{receiver}:row:* pager *"))
        member, lane = name.removeprefix("{receiver}:row:"), client.hget(name, "lane")
        assert unended(world.store) == []
        score = client.zscore(f"{{receiver}}:due:{lane}", member)
        client.zrem(f"{{receiver}}:due:{lane}", member)
        kept = client.hgetall(name)
        if loss == "row":
            client.delete(name)
        assert len(unended(world.store)) == 1
        client.hset(name, mapping=kept)
        client.zadd(f"{{receiver}}:due:{lane}", {member: score})
