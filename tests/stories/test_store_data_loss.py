"""The store comes back empty, or as an older backup: replicas write back their copies; nobody is paged for that."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from receiver.model.alert.alert import parse_notification
from receiver.model.base import rfc3339
from receiver.model.command import Acknowledge, AddNote, Resolve
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.state import State
from receiver.pipeline.intake.notification_parts import judged
from receiver.replica import Replica
from receiver.sources.alertmanager import Address
from receiver.sources.http_client import SourceAnswer
from receiver.store.client.store_errors import StoreAway, StoreLostData, StoreUnreachable
from tests.conftest import ask
from tests.stories.world import START, World, alert, notification

DOWN = notification(alert("ApiDown"))
HIGH: dict[str, Any] = {"labels": {"service": "shop"}, "annotations": {"error_rate": "7.3%"}}
STILL = notification(alert("HighErrorRate", **HIGH), group="b")
ALICE = Actor(kind=ActorKind.PERSON, name="alice")
AM = "http://am:9093"


async def stored(world: World) -> list[Any]:
    """Return every incident by its id."""
    return sorted(await world.incidents(), key=lambda one: one.id)


async def beats(world: World, times: int = 4) -> None:
    for _ in range(times):
        for replica in world.replicas:
            await replica.work.guarded_poll()
            await replica.work.idle()


class Backup:
    """The current state of the store, to be restored later."""

    def __init__(self, url: str) -> None:
        self.url = url
        with Redis.from_url(url) as store:
            self.rows = {key: store.dump(key) for key in store.keys("*")}

    def restore(self) -> None:
        ask(self.url, "FLUSHALL", "SYNC")
        with Redis.from_url(self.url) as store:
            for key, value in self.rows.items():
                store.restore(key, 0, value)


def told(world: World) -> list[str]:
    """Return the messages about lost data."""
    texts = [str(entry["body"].get("text", "")) for entry in world.slack.taken if isinstance(entry["body"], dict)]
    return [text for text in texts if "lost data" in text]


def counted(world: World) -> dict[str, float]:
    """Return the sum of all replicas' metrics about losses of the store."""
    metrics = [replica.metrics for replica in world.replicas]
    outcomes = ("written_back", "lost")
    return {
        "noticed": sum(one.store_losses._value.get() for one in metrics),
        **{name: sum(one.lost_incidents.labels(name)._value.get() for one in metrics) for name in outcomes},
    }


@pytest.mark.parametrize("replicas", [1, 2])
async def test_an_emptied_store_is_given_back_what_was_open(world: World, store_url: str, replicas: int) -> None:
    one = (await world.open(replicas)).one
    await world.post(DOWN)
    await world.post(STILL, to=replicas - 1)
    await beats(world)
    before = await stored(world)
    logs = [await one.incidents.events(incident.uid) for incident in before]
    await one.respond.act(before[0].uid, Acknowledge(), ALICE, world.clock.now())
    await beats(world)
    rung = world.rung()
    ask(store_url, "FLUSHALL", "SYNC")
    await beats(world)
    after = await stored(world)
    assert [(one.uid, one.id, one.state) for one in after] == [
        (before[0].uid, "INC-2026-0001", State.ACKNOWLEDGED), (before[1].uid, "INC-2026-0002", State.OPEN),
    ]  # fmt: skip
    assert await one.incidents.events(before[1].uid) == logs[1], "with its whole log"
    assert await one.intake.known_receivers.receivers.names() == {"incident.service"}, (
        "or the reconciliation would query in vain"
    )
    await world.forward("10s")
    assert told(world) == [
        "The incident store has lost data: it was emptied, or restored from an older state. "
        "2 incidents were written back: INC-2026-0001, INC-2026-0002."
    ]
    assert counted(world) == {"noticed": replicas, "written_back": 2, "lost": 0}
    await world.post(DOWN)
    assert world.rung() == rung, "nobody is paged again for the same alerts"
    await world.post(notification(alert("ApiDown", firing=False)))
    await world.post(notification(alert("HighErrorRate", firing=False, **HIGH), group="b"))
    await world.forward("16m")
    assert {one.state for one in await stored(world)} == {State.RESOLVED}
    assert set(world.sent("resolve")) >= {page.key for page in before[1].pages}
    assert all(replica.incident_cache.open() == [] for replica in world.replicas)


async def test_the_step_of_what_was_given_back_comes_when_it_is_due(world: World, store_url: str) -> None:
    await world.open()
    await world.post(STILL)
    await world.forward("14m")
    ask(store_url, "FLUSHALL", "SYNC")
    await beats(world)
    assert "eng-lead" not in world.rung()
    await world.forward("70s")
    assert world.rung().count("eng-lead") == 1
    await world.forward("10m")
    assert world.rung().count("eng-lead") == 1


async def test_what_is_committed_while_a_beat_is_under_way_is_no_loss(world: World) -> None:
    one = (await world.open()).one
    await world.post(DOWN)
    await beats(world)
    beat = one.due.beat

    async def overtaken(*args: Any) -> Any:
        found = await beat(*args)
        await one.intake.accept(parse_notification(STILL), world.clock.now())
        return found

    one.due.beat = overtaken  # type: ignore[method-assign]
    await one.work.guarded_poll()
    one.due.beat = beat  # type: ignore[method-assign]
    await world.quiet()
    assert one.metrics.loop_errors.labels("beat")._value.get() == 0
    assert len(one.incident_cache.open()) == 2


async def test_a_storm_and_what_it_holds_back_are_given_back(world: World, store_url: str) -> None:
    one = (await world.open()).one
    for number in range(25):
        await world.post(notification(alert(f"Lots{number}Auth"), group=f"lots-{number}"))
    (storm,) = [incident for incident in await stored(world) if incident.storm]
    children = await one.incidents.children(storm.uid)
    assert children
    rung = world.pagerduty.rung
    ask(store_url, "FLUSHALL", "SYNC")
    await beats(world)
    assert await one.incidents.children(storm.uid) == children
    await world.forward("30s")
    assert world.pagerduty.rung == rung


async def test_what_no_replica_holds_is_said_to_be_lost(world: World, store_url: str) -> None:
    one = (await world.open()).one
    await world.post(DOWN)
    await world.post(STILL)
    await beats(world)
    one.work.recovery.copies._drop((await stored(world))[0].uid)
    ask(store_url, "FLUSHALL", "SYNC")
    await beats(world)
    await world.forward("10s")
    assert told(world) == [
        "The incident store has lost data: it was emptied, or restored from an older state. "
        "1 incident was written back: INC-2026-0002. "
        "1 incident was lost: INC-2026-0001. Alerts that are still firing are reported again by the next notification."
    ]
    assert counted(world) == {"noticed": 1, "written_back": 1, "lost": 1}
    rung = world.pagerduty.rung
    await world.post(DOWN)
    assert world.pagerduty.rung == rung, "the same page keys: nobody is paged twice"


async def test_no_number_is_used_twice(world: World, store_url: str) -> None:
    await world.open(2)
    await world.post(DOWN)
    await world.post(STILL)
    ask(store_url, "FLUSHALL", "SYNC")
    # Before any replica has noticed, and without a mark: the last commit is from an earlier release.
    world.replicas[1].incidents.newest, world.replicas[1].incidents.epoch = None, ""
    await world.replicas[1].intake.accept(
        parse_notification(notification(alert("ServiceDown", labels={"service": "x"}), group="x")), world.clock.now()
    )
    await beats(world)
    assert sorted(one.id for one in await stored(world)) == ["INC-2026-0001", "INC-2026-0002", "INC-2026-0003"]


async def test_an_hour_old_store_calls_nobody_for_what_is_over(world: World, store_url: str) -> None:
    one = (await world.open(2)).one
    await world.post(DOWN)
    await world.post(STILL)
    backup = Backup(store_url)
    down, still = await stored(world)
    await one.respond.act(down.uid, Resolve(), ALICE, world.clock.now())
    await one.respond.act(still.uid, Acknowledge(), ALICE, world.clock.now())
    await world.forward("55m")
    rung = world.rung()
    backup.restore()
    await beats(world, 6)
    await world.forward("2m")
    assert [(incident.id, incident.state) for incident in await stored(world)] == [
        (down.id, State.RESOLVED), (still.id, State.ACKNOWLEDGED),
    ]  # fmt: skip
    assert world.rung() == rung, "every step of the backup is overdue"
    assert len(told(world)) == 1


async def test_the_last_second_that_was_torn_off_is_written_again(world: World, store_url: str) -> None:
    one = (await world.open(2)).one
    await world.post(STILL)
    backup = Backup(store_url)
    (incident,) = await stored(world)
    # No replica has polled the store since: only the one that committed it knows about it.
    await one.respond.act(incident.uid, Acknowledge(), ALICE, world.clock.now())
    backup.restore()
    await beats(world)
    (after,) = await stored(world)
    assert after.state is State.ACKNOWLEDGED
    await world.forward("20m")
    assert "eng-lead" not in world.rung()


async def asked(world: World, *firing: dict[str, Any], late: bool = False) -> Replica:
    """Start a replica with an empty memory, and an Alertmanager that has these alerts."""
    status = {"state": "active", "silencedBy": [], "inhibitedBy": []}
    items = [{**one, "status": status, "receivers": []} for one in firing]
    if not late:
        world.outside.answers |= {
            f"{AM}/api/v2/alerts/groups": SourceAnswer(200, b"[]"),
            f"{AM}/api/v2/alerts?": SourceAnswer(200, json.dumps(items).encode()),
            f"{AM}/api/v2/status": SourceAnswer(
                200, json.dumps({"uptime": rfc3339(START - timedelta(days=1))}).encode()
            ),
        }
    made = await world.replica()
    before = made.reconcile.setting
    made.reconcile.setting = made.work.recovery.setting = lambda: replace(before(), alertmanagers=(Address(AM),))
    return made


async def restarted(world: World, *firing: dict[str, Any], late: bool = False) -> None:
    """Let an hour pass without replicas, then start one."""
    for replica in world.replicas:
        await replica.settle()
        await replica.close()
    world.replicas.clear()
    world.clock.forward("1h")
    await asked(world, *firing, late=late)
    await beats(world)


async def test_what_alertmanager_has_ended_is_ended_before_its_steps_are_due(world: World) -> None:
    await world.open()
    await world.post(STILL)
    await world.post(DOWN)
    rung = world.rung()
    await restarted(world, alert("HighErrorRate", **HIGH))
    await world.forward("2m")
    still, down = await stored(world)
    assert down.state is State.MONITORING
    assert still.state is State.OPEN
    fresh = world.rung()[len(rung) :]
    assert "eng-lead" in fresh, "alerts that fire there are escalated"
    assert set(world.sent("resolve")) >= {page.key for page in down.pages if page.person == "alice"}
    assert not set(fresh) & {"cto", "ceo"}, "but ended ones are not"


async def test_a_store_that_goes_away_at_the_first_look_keeps_no_question_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.open()
    await world.post(DOWN)
    for replica in world.replicas:
        await replica.settle()
        await replica.close()
    world.replicas.clear()
    world.clock.forward("1h")
    made = await asked(world)
    with monkeypatch.context() as patch:

        async def away(epoch: str, until_ms: int) -> None:
            raise StoreUnreachable("away")

        patch.setattr(made.work.recovery.memory, "extend", away)
        with pytest.raises(StoreUnreachable):
            await made.work.poll()
    rung = world.rung()
    for _ in range(20):
        await beats(world, 2)
        world.clock.forward("2s")
    (down,) = await stored(world)
    assert (world.rung(), down.state) == (rung, State.MONITORING), "it is over"


async def test_an_alertmanager_that_is_silent_holds_steps_up_for_half_a_minute(world: World) -> None:
    await world.open()
    await world.post(STILL)
    await restarted(world, late=True)
    assert "eng-lead" not in world.rung()
    late = 0
    while "eng-lead" not in world.rung():
        late += 1
        assert late <= 45
        world.clock.forward("1s")
        await beats(world, 2)
    assert late >= 20
    await world.forward("1m")
    assert world.rung().count("eng-lead") == 1


async def test_shared_documents_are_restored(world: World, store_url: str) -> None:
    one = (await world.open(2)).one
    await one.shared_documents.put("override", "o1", {"schedule": "primary", "person": "bob", "from": rfc3339(START),
                                           "until": rfc3339(START + timedelta(hours=5)), "by": "alice"})  # fmt: skip
    await beats(world)
    ask(store_url, "FLUSHALL", "SYNC")
    await beats(world)
    assert set((await one.shared_documents.read())[1]["override"]) == {"o1"}


async def test_what_it_has_lost_is_paged_in_an_emergency(world: World, store_url: str) -> None:
    one = (await world.open()).one
    await world.post(DOWN)
    ask(store_url, "FLUSHALL", "SYNC")
    await beats(world)
    sent = len(world.sent())
    later = notification(alert("SiteDown", starts="2026-11-23T15:00:00Z", labels={"severity": "critical"}), group="s")
    parts = judged(parse_notification(later), one.setting)
    made, _ = one.pages.decide(parts, one.setting, world.clock.now())
    one.pages.send(one.setting, world.clock.now())
    await one.work.idle()
    assert len(world.sent()) == sent + len(made)


@pytest.mark.parametrize("writer", [0, 1])
async def test_a_commit_before_the_next_beat_hides_no_loss(world: World, store_url: str, writer: int) -> None:
    """The number of commits is the same again: only the commit with that number differs."""
    one = (await world.open(2)).one
    await world.post(DOWN)
    await beats(world)
    backup = Backup(store_url)
    (down,) = await stored(world)
    await one.respond.act(down.uid, Acknowledge(), ALICE, world.clock.now())
    backup.restore()
    with suppress(StoreAway):
        await world.replicas[writer].intake.accept(parse_notification(STILL), world.clock.now())
    await beats(world)
    assert {one.id: one.state for one in await stored(world)}["INC-2026-0001"] is State.ACKNOWLEDGED


async def test_a_change_that_was_lost_under_a_later_one_is_reported(world: World, store_url: str) -> None:
    one, other = (await world.open(2)).replicas
    await world.post(DOWN)
    await world.post(STILL)
    await beats(world)
    backup = Backup(store_url)
    down, still = await stored(world)
    await one.respond.act(down.uid, Acknowledge(), ALICE, world.clock.now())
    backup.restore()
    # This replica does not have the acknowledgement: it continues from the store's state.
    await other.respond.act(down.uid, AddNote(text="still looking"), ALICE, world.clock.now())
    await beats(world)
    await world.forward("10s")
    (text,) = told(world)
    assert text.endswith("1 incident lost the most recent change: INC-2026-0001. Check whether to repeat that change.")
    assert still.id not in text, "it lacks nothing"


async def test_nothing_is_written_over_what_was_lost(world: World, store_url: str) -> None:
    one = (await world.open()).one
    await world.post(DOWN)
    backup = Backup(store_url)
    (down,) = await stored(world)
    await one.respond.act(down.uid, Acknowledge(), ALICE, world.clock.now())
    backup.restore()
    with pytest.raises(StoreLostData):
        await one.respond.act(down.uid, AddNote(text="still looking"), ALICE, world.clock.now())
    assert not one.monitor.away, "the store answers"
    await beats(world)
    await one.respond.act(down.uid, AddNote(text="still looking"), ALICE, world.clock.now())
    (after,) = await stored(world)
    assert after.state is State.ACKNOWLEDGED


async def test_nothing_is_written_over_a_loss_after_another_replica_has_begun_to_recover(
    world: World, store_url: str
) -> None:
    one, other = (await world.open(2)).replicas
    await world.post(DOWN)
    await beats(world)
    backup = Backup(store_url)
    (down,) = await stored(world)
    await other.respond.act(down.uid, Acknowledge(), ALICE, world.clock.now())
    await beats(world)
    backup.restore()
    await one.work.guarded_poll()  # it increases the number of commits
    with pytest.raises(StoreLostData):
        await other.respond.act(down.uid, AddNote(text="still looking"), ALICE, world.clock.now())
    await beats(world)
    (after,) = await stored(world)
    assert after.state is State.ACKNOWLEDGED
