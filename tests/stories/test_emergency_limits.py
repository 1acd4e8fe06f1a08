"""Without the store: windows, closed incidents, storms and shrinking groups count as far as they are in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from receiver.config.settings.ingest_settings import Storm
from receiver.incident.alerts.maintenance_windows import Window
from receiver.incident.store_outage.emergency_pages import storm_pages
from receiver.model.command import Close, Resolve
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from tests.stories.test_emergency_pages import Outworld, outworld
from tests.stories.test_teams import teams
from tests.stories.world import alert, notification

__all__ = ["outworld"]
ALICE = Actor(kind=ActorKind.PERSON, name="alice")


def group(*numbers: int, name: str = "AuthFailing", key: str = "auth", firing: bool = True) -> bytes:
    """Return a notification about some alerts of one group, each starting a minute after the previous one."""
    members = [
        alert(name, labels={"instance": str(n)}, starts=f"2026-11-23T13:0{n}:00Z", firing=firing) for n in numbers
    ]
    return notification(*members, group=key)


async def test_a_group_that_shrinks_keeps_its_page_key(outworld: Outworld) -> None:
    await outworld.open()
    await outworld.kill()
    for first in range(1, 6):
        await outworld.knock(group(*range(first, 6)))
        await outworld.beats(5)
    assert len(set(outworld.sent())) == len(outworld.sent()) == 1
    outworld.server.restart()
    await outworld.beats(4)
    await outworld.post(group(5, firing=False))
    await outworld.forward("16m")
    (incident,) = await outworld.incidents()
    assert incident.state is State.RESOLVED
    assert outworld.pagerduty.open() == []
    assert outworld.pagerduty.rung == 1


async def test_a_group_that_shrinks_before_it_is_paged_has_one_key_at_every_replica(outworld: Outworld) -> None:
    await outworld.open(replicas=2)
    await outworld.kill()
    await outworld.knock(group(1, 2, 3, 4, 5), to=0)
    await outworld.knock(group(4, 5), to=0)
    await outworld.knock(group(1, 2, 3, 4, 5), to=1)
    await outworld.beats(5)
    assert len(outworld.sent()) == 2
    assert len(set(outworld.sent())) == 1


async def test_what_a_maintenance_window_holds_is_not_paged(outworld: Outworld) -> None:
    await outworld.open()
    one = outworld.one
    now = outworld.clock.now()
    window = Window(name="move", matchers=('service="api"',), starts=now, ends=now + timedelta(hours=1))
    await one.maintenance_windows.add(window, ALICE, now)
    await outworld.kill()
    await outworld.knock(notification(alert("ApiDown"), group="api"))
    await outworld.knock(notification(alert("ApiDown", labels={"service": "shop"}), group="shop"))
    await outworld.beats(6)
    assert sorted(outworld.rung()) == ["alice", "eng-lead"], "of the shop"
    outworld.server.restart()
    await outworld.beats(4)
    await outworld.post(notification(alert("ApiDown"), group="api"))
    assert outworld.pagerduty.rung == 2
    assert {one.service: bool(one.held) for one in await outworld.incidents()} == {"api": True, "shop": False}


async def test_what_a_person_closed_is_not_paged_again(outworld: Outworld) -> None:
    await outworld.open()
    await outworld.post(notification(alert("ApiDown")))
    for command in (Resolve(), Close()):
        await outworld.one.respond.act("INC-2026-0001", command, ALICE, outworld.clock.now())
    await outworld.quiet()
    rung = outworld.pagerduty.rung
    await outworld.kill()
    await outworld.knock(notification(alert("ApiDown")))
    await outworld.beats(6)
    assert outworld.pagerduty.rung == rung
    new = notification(alert("ApiDown", starts="2026-11-23T14:02:24Z"), group="api")
    await outworld.knock(new)
    await outworld.beats(6)
    assert outworld.pagerduty.rung == rung + 2, "it began after the closing"
    outworld.server.restart()
    await outworld.beats(4)
    assert [one.state for one in await outworld.incidents()] == [State.CLOSED, State.OPEN]


def single(number: int, **more: Any) -> bytes:
    """Return a notification of a separate group, which opens a separate incident."""
    return notification(alert("AuthFailing", labels={"service": f"s{number}"}, **more), group=f"g{number}")


@pytest.mark.parametrize("replicas", [1, 2])
async def test_a_storm_is_capped_and_then_paged_once_with_a_list(outworld: Outworld, replicas: int) -> None:
    await outworld.open(replicas=replicas)
    assert outworld.one.setting.policy.storm is not None
    most = outworld.one.setting.policy.storm[0]
    count = most + 40
    await outworld.kill()
    for number in range(count):
        service = {"service": f"s{number}"}
        await outworld.knock(
            notification(alert("AuthFailing", labels=service), group=f"g{number}"), to=number % replicas
        )
    await outworld.beats(8)
    for number in range(count):  # Alertmanager retries, and a minute later the storm's time has passed
        service = {"service": f"s{number}"}
        await outworld.knock(
            notification(alert("AuthFailing", labels=service), group=f"g{number}"), to=number % replicas
        )
    await outworld.beats(80)
    keys = set(outworld.sent())
    storms = {key for key in keys if "/storm/" in key}
    assert len(storms) == 1
    assert len(keys) <= most * replicas + 1
    summary = next(
        e["body"]["payload"]["summary"] for e in outworld.pagerduty.taken if e["body"]["dedup_key"] in storms
    )
    assert "Storm:" in summary
    outworld.server.restart()
    for _ in range(6):
        await outworld.beats(5)
    await outworld.quiet()
    incidents = await outworld.incidents()
    assert len(incidents) == count + 1
    rung = outworld.pagerduty.rung
    assert rung <= most * replicas + 2, "the storm covers the rest"
    (storm,) = (one for one in incidents if one.storm)
    events = await outworld.one.incidents.events(storm.uid)
    assert Kind.EMERGENCY_PAGED in [event.kind for event in events]
    for number in range(count):
        await outworld.post(single(number, firing=False), to=number % replicas)
    await outworld.forward("40m")
    await outworld.one.respond.act(storm.uid, Resolve(), ALICE, outworld.clock.now())
    await outworld.quiet()
    assert outworld.pagerduty.open() == []


async def test_each_team_has_an_emergency_storm_of_its_own(outworld: Outworld) -> None:
    def of(team: str, number: int, **more: Any) -> bytes:
        labels = {"service": f"{team}{number}", "team": team}
        return notification(alert("AuthFailing", labels=labels, **more), group=f"{team}{number}")

    await outworld.open()
    config = outworld.one.config
    ingest = config.ingest.model_copy(update={"storm": Storm(incidents=3)})
    outworld.one.apply(config.model_copy(update={"teams": teams(), "ingest": ingest}))
    await outworld.kill()
    for number in range(6):
        await outworld.knock(of("payments", number))
    await outworld.knock(of("data", 0))
    await outworld.beats(6)
    assert Counter(outworld.rung()) == {"bob": 4, "carol": 1}, "the storm of payments does not hold alerts of data"
    for number in range(1, 5):
        await outworld.knock(of("data", number))
    await outworld.beats(6)
    assert Counter(outworld.rung()) == {"bob": 4, "carol": 4}
    sent = [entry["body"] for entry in outworld.pagerduty.taken]
    storms = [body["payload"]["summary"] for body in sent if "storm" in body["dedup_key"]]
    assert ["3 more groups" in storms[0], "2 more groups" in storms[1], len(storms)] == [True, True, 2], storms
    outworld.server.restart()
    await outworld.beats(6)
    await outworld.quiet()
    found = await outworld.incidents()
    assert sorted(one.team for one in found if one.storm) == ["data", "payments"]
    assert Counter(outworld.rung()) == {"bob": 4, "carol": 4}, "nobody is paged again when the store is back"
    for one in found:
        await outworld.one.respond.act(one.uid, Resolve(), ALICE, outworld.clock.now())
    await outworld.quiet()
    assert outworld.pagerduty.open() == []


async def test_pages_are_adopted_one_after_another_without_waiting_for_the_next_look(outworld: Outworld) -> None:
    await outworld.open()
    await outworld.kill()
    for number in range(20):
        service = f"shop{number}"
        await outworld.knock(notification(alert("ApiDown", labels={"service": service}), group=service))
    await outworld.beats(6)
    assert outworld.pagerduty.rung == 40
    outworld.server.restart()
    one = outworld.one
    await one.turn()
    assert not one.monitor.away
    await one.refused_retries.run_once()
    await one.work.idle()
    assert len(one.refused) == 0
    incidents = await outworld.incidents()
    assert len(incidents) == 20
    for incident in incidents:
        receipts = await one.incidents.receipts(incident.uid)
        assert sum(told["channel"] == "pager" for told in receipts) == 2, "written with the commit"
    await outworld.forward("1m")
    assert outworld.pagerduty.rung == 40
    assert len(outworld.sent()) == 40


async def test_where_many_are_adopted_chat_hears_of_them_afterwards(
    outworld: Outworld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outworld.open()
    one = outworld.one
    await outworld.kill()
    await outworld.knock(notification(alert("ApiDown")))
    await outworld.beats(5)
    outworld.server.restart()
    monkeypatch.setattr(one.intake.writer, "adopting", lambda: 1000)
    await outworld.beats(2)
    assert [incident.service for incident in await outworld.incidents()] == ["api"]
    assert outworld.slack.taken == []
    await outworld.beats(25)
    assert outworld.slack.taken == []
    await outworld.beats(8)
    assert outworld.slack.taken != []
    assert outworld.pagerduty.rung == 2
    assert len(outworld.sent()) == 2


async def test_a_storm_that_another_replica_opens_first_adopts_the_pages_of_both(outworld: Outworld) -> None:
    one, other = (await outworld.open(replicas=2)).replicas
    now, setting = outworld.clock.now(), one.setting
    led, sent = other.incidents.led, [
        [(page, True) for page in storm_pages(Severity.SEV2, setting.policy, now - timedelta(minutes=ago), now)]
        for ago in (1, 11)
    ]  # fmt: skip

    async def overtaken(keys: Sequence[str]) -> dict[str, tuple[str, bool]]:
        found = await led(keys)
        other.incidents.led = led  # type: ignore[method-assign]
        await one.intake.storms.open(Severity.SEV2, "20 groups", setting, now, sent[0])
        return found

    other.incidents.led = overtaken  # type: ignore[method-assign]
    await other.intake.storms.open(Severity.SEV2, "20 groups", setting, now, sent[1])
    (storm,) = await outworld.incidents()
    assert {page.key for page in storm.pages} == {page.key for pages in sent for page, _ in pages}, "each is resolved"
