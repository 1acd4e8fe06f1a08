"""Reviews: versions of the post-mortem, corrections, times; and reminders of action items."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from receiver.incident.followup.action_item_reminders import recurrence
from receiver.model.command import (
    AddAction,
    AddNote,
    ChangeAction,
    CorrectEntry,
    Resolve,
    SetClock,
    WritePostmortem,
)
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.postmortem import CorrectedTime, ReviewStatus
from receiver.model.incident.response_records import ActionStatus
from receiver.pipeline.response.command_handler import IllegalCommand
from receiver.review.incident_times import clocks, spans
from receiver.review.timeline import timeline
from receiver.sources.http_client import SourceAnswer
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")
ONE = "INC-2026-0001"


async def act(world: World, command: object, number: str = ONE) -> None:
    await world.one.respond.act(number, command, ALICE, world.clock.now())  # type: ignore[arg-type]
    await world.quiet()


async def text(world: World, version: int | None = None) -> str:
    incident = await world.one.respond.find(ONE)
    log = await world.one.incidents.events(incident.uid)
    return world.one.setting.postmortem(incident, log, world.clock.now(), (), version)


async def test_every_version_of_the_post_mortem_is_kept(world: World) -> None:
    await world.open()
    await world.post(notification(alert()))
    with pytest.raises(IllegalCommand, match="resolve it first"):
        await act(world, WritePostmortem(status=ReviewStatus.FINAL))
    draft = await text(world)
    await act(world, WritePostmortem(markdown="## Ours\n\n**Status**: Draft  \n\nfirst"))
    await act(world, Resolve())
    await act(world, WritePostmortem(markdown="## Ours\n\n**Status**: Draft  \n\nsecond"))
    await act(world, WritePostmortem(status=ReviewStatus.FINAL))
    assert await text(world) == "## Ours\n\n**Status**: Final  \n\nsecond"
    assert await text(world, 1) == "## Ours\n\n**Status**: Draft  \n\nfirst"
    assert (await text(world, 0)).splitlines()[0] == draft.splitlines()[0]
    with pytest.raises(LookupError, match="versions 0 to 3"):
        await text(world, 4)
    (incident,) = await world.incidents()
    assert incident.review is not None
    assert (incident.review.version, incident.review.status, incident.review.by) == (3, "final", "alice")


async def test_a_corrected_entry_keeps_its_original(world: World) -> None:
    await world.open()
    await world.post(notification(alert()))
    await act(world, AddNote(text="it was the disk"))
    await act(world, AddNote(text="a secret"))
    (incident,) = await world.incidents()
    log = await world.one.incidents.events(incident.uid)
    disk, secret = (event.seq for event in log if event.kind is Kind.NOTE)
    earlier = world.clock.now() - timedelta(minutes=2)
    await act(world, CorrectEntry(seq=disk, text="it was the network", at=earlier))
    await act(world, CorrectEntry(seq=secret, hidden=True))
    (incident,) = await world.incidents()
    log = await world.one.incidents.events(incident.uid)
    page = timeline(incident, log)
    assert f"| {earlier:%H:%M} | it was the network |" in page
    assert "the disk" not in page
    assert "a secret" not in page
    assert "it was the disk" in [event.text for event in log]
    await act(world, CorrectEntry(seq=secret, hidden=False))
    log = await world.one.incidents.events(incident.uid)
    assert "a secret" in timeline(incident, log).casefold()
    with pytest.raises(IllegalCommand, match="entries 1 to"):
        await act(world, CorrectEntry(seq=999, hidden=True))


async def test_corrected_times_leave_a_trace(world: World) -> None:
    world.outside.answers["http://prometheus"] = SourceAnswer(
        200, b'{"status": "success", "data": {"groups": [{"rules": [{"name": "HighErrorRate", "duration": 300}]}]}}'
    )
    await world.open()
    await world.post(notification(alert(starts="2026-11-23T14:01:20Z")))
    await world.forward("10s")
    await act(world, Resolve())
    await world.post(notification(alert(firing=False)))
    (incident,) = await world.incidents()
    log, receipts = await world.one.incidents.events(incident.uid), await world.one.incidents.receipts(incident.uid)
    read = clocks(incident, log, receipts)
    assert incident.fires_after == 300
    assert [read[name].at for name in ("impact_began", "alert_fired", "notified")] == [
        datetime(2026, 11, 23, 13, 56, 20, tzinfo=UTC),
        datetime(2026, 11, 23, 14, 1, 20, tzinfo=UTC),
        datetime(2026, 11, 23, 14, 2, 20, tzinfo=UTC),
    ]
    assert spans(read)["rule"] == 300
    assert spans(read)["alertmanager"] == 60
    assert spans(read)["detect"] == 360
    assert spans(read)["resolve"] == 10
    began = datetime(2026, 11, 23, 14, 0, 20, tzinfo=UTC)
    await act(world, SetClock(clock=CorrectedTime.IMPACT_BEGAN, at=began, text="by the access log"))
    (incident,) = await world.incidents()
    log = await world.one.incidents.events(incident.uid)
    one = clocks(incident, log, receipts)["impact_began"]
    assert (one.at, one.by, one.was) == (began, "alice", datetime(2026, 11, 23, 13, 56, 20, tzinfo=UTC))
    assert incident.started_at == datetime(2026, 11, 23, 14, 1, 20, tzinfo=UTC), "the times used for decisions stay"
    with pytest.raises(IllegalCommand, match="in the future"):
        await act(world, SetClock(clock=CorrectedTime.RESOLVED, at=world.clock.now() + timedelta(hours=1)))


async def test_an_owner_is_reminded_on_the_day_and_each_week(world: World) -> None:
    await world.open()
    await world.post(notification(alert()))
    await act(world, AddAction(title="Add a canary", owner="bob", due=date(2026, 11, 24)))
    await act(world, Resolve())
    asked = []
    for moment in ("2026-11-24T08:59:00+00:00", "2026-11-24T09:01:00+00:00", "2026-12-01T09:02:00+00:00"):
        world.clock.forward(datetime.fromisoformat(moment) - world.clock.now())
        await world.quiet()
        asked.append(sum("was due on 2026-11-24: Add a canary" in str(one) for one in world.slack.messages))
    assert asked == [0, 1, 2]
    reminders = [text for one in world.slack.messages if "was due on" in (text := str(one))]
    assert all("<@U0BOB>" in text for text in reminders)
    await act(world, ChangeAction(n=1, status=ActionStatus.DONE))
    world.clock.forward(timedelta(days=30))
    await world.quiet()
    assert sum("was due on" in str(one) for one in world.slack.messages) == 2


async def test_a_recurrence_after_a_finished_action_item_is_reported(world: World) -> None:
    await world.open()
    await world.post(notification(alert()))
    await act(world, AddAction(title="Add a canary", owner="bob"))
    await act(world, AddAction(title="Add a dog", owner="bob"))
    await act(world, Resolve())
    await world.post(notification(alert(firing=False)))
    await act(world, ChangeAction(n=1, status=ActionStatus.DONE))
    world.clock.forward(timedelta(days=2))
    await world.post(notification(alert(starts="2026-11-25T14:02:00Z")))
    _, again = await world.incidents()
    assert again.previous == ONE
    (said,) = [e.text for e in await world.one.incidents.events(again.uid) if e.kind is Kind.RECURRED]
    assert "INC-2026-0001 action 1: Add a canary (bob, done 2026-11-23)" in said
    assert "dog" not in said
    assert recurrence(again, again.key)["recurs"] == again.recurs, "the next one keeps it, too"
