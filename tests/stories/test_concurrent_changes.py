"""No page is lost if two things happen at once: a merge and an end, two merges, an escalation and an expiry."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from receiver.incident.log.command_errors import IllegalCommand
from receiver.model.base import rfc3339
from receiver.model.command import Acknowledge, AddNote, Close, Reopen, Resolve
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from tests.stories.test_escalation import ALICE, EVERYBODY, HIGH
from tests.stories.test_held_incidents import half_merged, known, merge, two, up
from tests.stories.world import World, alert, notification


@pytest.mark.parametrize("seconds", ["0s", "20s"])
async def test_whom_the_escalation_called_is_called_again_when_the_acknowledgement_lapses(
    world: World, seconds: str
) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **EVERYBODY)))
    await world.forward(seconds)
    await world.one.respond.act("INC-2026-0001", Acknowledge(), ALICE, world.clock.now())
    # The CTO is paged after 30 minutes, and an acknowledgement of a SEV-1 lasts 30.
    await world.forward("31m")
    (incident,) = (await known(world)).values()
    assert incident.ring == 2
    assert {page.person for page in incident.pages if page.ring == 2} == {"alice", "eng-lead", "vp-eng", "cto"}
    assert {"vp-eng", "cto"} <= {key.split("/")[-2] for _, key in world.pagerduty.open()}


async def test_what_was_merged_twice_while_a_replica_died_arrives_at_the_last(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two(world)
    await world.post(notification(alert("DataLag", labels={"instance": "x"}), group="other"))
    await half_merged(world, monkeypatch)
    await world.one.respond.merge("INC-2026-0001", "INC-2026-0003", ALICE, world.clock.now())
    await world.forward("1m")
    last = (await known(world))["INC-2026-0003"]
    assert (last.state, last.severity, last.firing) == (State.OPEN, Severity.SEV2, 3)
    assert ([page.person for page in last.pages], world.rung(), world.sent("resolve")) == (["alice"], ["alice"], [])
    await world.forward("16m")
    assert sorted(world.rung()) == ["alice", "bob", "eng-lead"]


async def test_a_page_that_is_handed_over_twice_is_sent_once(world: World) -> None:
    await two(world)
    await world.post(notification(alert("DataLag", labels={"instance": "x"}), group="other"))
    await merge(world)
    await world.one.respond.merge("INC-2026-0001", "INC-2026-0003", ALICE, world.clock.now())
    await world.quiet()
    assert (world.rung(), world.sent("resolve")) == (["alice"], [])
    await world.one.respond.act("INC-2026-0003", Resolve(), ALICE, world.clock.now())
    await world.quiet()
    assert world.sent("resolve") == world.sent("trigger")


async def test_what_ended_before_it_heard_of_what_was_merged_into_it_is_not_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two(world)
    await half_merged(world, monkeypatch)
    await world.one.respond.act("INC-2026-0001", Resolve(), ALICE, world.clock.now())
    await world.forward("1m")
    parent = (await known(world))["INC-2026-0001"]
    assert (parent.state, parent.severity) == (State.OPEN, Severity.SEV2)
    assert (world.rung(), world.sent("resolve")) == (["alice"], []), "the page that is open is enough"
    await world.forward("16m")
    assert sorted(world.rung()) == ["alice", "bob", "eng-lead"]


async def test_ended_as_severe_it_calls_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.open()
    await world.post(notification(alert("Slow", **HIGH), group="first"))
    await world.post(notification(alert("Broken", **HIGH), group="bad"))
    await half_merged(world, monkeypatch)
    await world.one.respond.act("INC-2026-0001", Resolve(), ALICE, world.clock.now())
    await world.forward("1m")
    assert (await known(world))["INC-2026-0001"].state is State.OPEN
    assert world.rung() == ["alice", "alice", "alice"]
    assert len(world.pagerduty.open()) == 1


async def test_what_was_merged_is_known_by_its_key_as_the_other(world: World) -> None:
    await world.open()
    await world.post(notification(alert("DataLag"), group="mild"))
    await world.forward("10s")
    await world.post(notification(alert("Broken", **HIGH), group="bad"))
    parent = await merge(world)
    child = (await known(world))["INC-2026-0002"]
    found = world.one.incident_cache.at(child.key)
    # While the store is unavailable, this determines the page key: that of the open page, not a new one.
    assert found is not None
    assert found.uid == parent.uid


async def test_an_acknowledgement_at_a_replica_that_has_not_heard_of_the_merge(world: World) -> None:
    await two(world)
    other = await world.replica()
    await world.quiet()
    await other.work.follower.catch_up()
    page = (await known(world))["INC-2026-0002"].pages[0]
    await world.one.respond.merge("INC-2026-0002", "INC-2026-0001", ALICE, world.clock.now())
    assert any(page.key in {one.key for one in incident.pages} for incident in other.incident_cache.open()), (
        "it lags behind"
    )
    event = {
        "id": "e1",
        "event_type": "incident.acknowledged",
        "resource_type": "incident",
        "occurred_at": world.clock.now().isoformat(),
        "agent": {"id": "P1", "type": "user_reference", "summary": "Alice"},
        "data": {"id": "PGR0", "type": "incident", "incident_key": page.key, "title": ""},
    }
    news = await other.pagerduty_events.take(json.dumps({"event": event}).encode(), world.clock.now())
    assert (news.outcome, news.incident) == ("updated", "INC-2026-0001")
    assert (await known(world))["INC-2026-0001"].state is State.ACKNOWLEDGED


def counted(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by one whenever all open incidents are read from the store."""
    incidents, read = world.one.incidents, list[int]()
    listing = incidents.listing

    async def count(**asked: Any) -> Any:
        read.append(asked.get("most", 0))
        return await listing(**asked)

    monkeypatch.setattr(incidents, "listing", count)
    return read


async def test_what_a_window_holds_is_no_storm_until_it_is_let_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.open()
    await up(world, until=world.clock.now() + timedelta(minutes=10))
    for number in range(23):
        await world.post(notification(alert(f"Auth{number}", **HIGH), group=f"g{number}"))
    await world.post(notification(alert("Everything", **EVERYBODY), group="worst"))
    assert world.rung() == [], "nobody is paged during the window"
    assert not [one for one in await world.incidents() if one.storm]
    await world.post(notification(alert("Else", labels={"service": "billing"}, **HIGH), group="other"))
    assert world.rung() == ["alice"], "held incidents do not count toward a storm of others"
    read = counted(world, monkeypatch)
    await world.forward("10m")
    await world.forward("5s")
    assert len(read) <= 4, "open incidents are not read again for each released one"
    found = await world.incidents()
    (storm,) = [one for one in found if one.storm]
    assert "23 incidents are released from maintenance: upgrade" in storm.title
    assert Counter(one.held for one in found) == {"storm": 23, None: 3}
    paged = Counter(page.key.split("/")[1] for one in found for page in one.pages)
    assert len(paged) == 3, "the one outside, the SEV-1, and the storm"
    assert storm.held_back == 23


async def test_the_time_to_answer_stands_still_in_a_window(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **HIGH)))
    await world.forward("5m")
    await up(world, until=world.clock.now() + timedelta(minutes=30))
    await world.post(notification(alert("Broken", **HIGH), alert("Worse", **EVERYBODY)))
    assert (await known(world))["INC-2026-0001"].held
    await world.forward("31m")
    assert "bob" not in world.rung(), "five of the fifteen minutes to answer are over"
    await world.forward("10m")
    assert "bob" in world.rung()


async def test_reopening_by_hand_leaves_one_open_incident_for_its_alerts(world: World) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **HIGH)))
    await world.one.respond.act("INC-2026-0001", Resolve(), ALICE, world.clock.now())
    await world.post(notification(alert("Broken", firing=False, **HIGH)))
    await world.forward("3h")
    later = rfc3339(world.clock.now())
    await world.post(notification(alert("Broken", starts=later, **HIGH)))
    assert {one.id: one.state for one in await world.incidents()}["INC-2026-0002"] is State.OPEN
    with pytest.raises(IllegalCommand, match="INC-2026-0002 is open for the same alerts"):
        await world.one.respond.act("INC-2026-0001", Reopen(), ALICE, world.clock.now())
    # Once that one has ended, the older one may be reopened, and receives later alerts.
    await world.one.respond.act("INC-2026-0002", Close(force=True, text="a double"), ALICE, world.clock.now())
    await world.post(notification(alert("Broken", firing=False, starts=later, **HIGH)))
    await world.one.respond.act("INC-2026-0001", Reopen(), ALICE, world.clock.now())
    answer = await world.post(notification(alert("Broken", starts=rfc3339(world.clock.now()), **HIGH)))
    assert answer.foremost.incident == "INC-2026-0001"
    assert {one.id: one.state for one in await world.incidents()} == {
        "INC-2026-0001": State.OPEN,
        "INC-2026-0002": State.CLOSED,
    }


async def test_what_reopens_takes_no_key_that_has_gone_on_elsewhere(world: World) -> None:
    await two(world)
    parent = await merge(world)
    assert len(parent.keys) == 2
    await world.one.respond.act("INC-2026-0001", Resolve(), ALICE, world.clock.now())
    await world.post(notification(alert("DataLag", firing=False), group="mild"))
    await world.post(notification(alert("Broken", firing=False, **HIGH), group="bad"))
    await world.forward("3h")
    await world.post(notification(alert("Broken", starts=rfc3339(world.clock.now()), **HIGH), group="bad"))
    await world.one.respond.act("INC-2026-0001", AddNote(text="still relevant"), ALICE, world.clock.now())
    found = await known(world)
    assert [one.id for one in found.values() if not one.state.over] == ["INC-2026-0003"]
    with pytest.raises(IllegalCommand, match="INC-2026-0003"):
        await world.one.respond.act("INC-2026-0001", Reopen(), ALICE, world.clock.now())


@pytest.mark.parametrize("turned", [False, True])
async def test_an_alert_that_ended_in_one_and_fires_in_the_other_fires_in_what_they_become(
    world: World, turned: bool
) -> None:
    await world.open()
    await world.post(notification(alert("Broken", **HIGH), group="first"))
    await world.post(notification(alert("Broken", firing=False, **HIGH), group="first"))
    # It is monitored, and fires again in another group: another receiver, or an edited route.
    again = notification(alert("Broken", starts="2026-11-23T14:04:00Z", **HIGH), group="second")
    await world.post(again)
    pair = ("INC-2026-0001", "INC-2026-0002") if turned else ("INC-2026-0002", "INC-2026-0001")
    await world.one.respond.merge(*pair, ALICE, world.clock.now())
    await world.post(again)
    await world.forward("20m")
    one = next(one for one in await world.incidents() if not one.merged)
    assert (one.id, one.state, one.firing) == (pair[1], State.OPEN, 1)
    assert "eng-lead" in world.rung()
    ended = alert("Broken", firing=False, starts="2026-11-23T14:04:00Z", ends="2026-11-23T14:25:00Z", **HIGH)
    await world.post(notification(ended, group="second"))
    assert next(one for one in await world.incidents() if not one.merged).state is State.MONITORING


@pytest.mark.parametrize("turned", [False, True])
async def test_two_incidents_that_have_an_alert_in_common_are_merged(world: World, turned: bool) -> None:
    await world.open()
    shared = alert("Shared", **HIGH)
    await world.post(notification(alert("Broken", **HIGH), shared, group="first"))
    await world.post(notification(alert("Slow", **HIGH), shared, group="second"))
    pair = ("INC-2026-0001", "INC-2026-0002") if turned else ("INC-2026-0002", "INC-2026-0001")
    await world.one.respond.merge(*pair, ALICE, world.clock.now())
    await world.quiet()
    one = next(one for one in await world.incidents() if not one.merged)
    assert (one.id, one.firing) == (pair[1], 3)
    assert set((await world.one.incidents.owners([shared["fingerprint"]])).values()) == {one.uid}
