"""At a hand-off, the checklist is posted to the person who takes over, and must be accepted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from receiver.incident.alerts.maintenance_windows import Window
from receiver.incident.log.command_errors import ImpossibleCommand, InvalidField
from receiver.model.command import AddAction, Declare, Resolve
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.severity import Severity
from receiver.pipeline.oncall.overrides import NoSuchOverride, PastOverride
from receiver.pipeline.response.command_handler import IdempotencyKeyReused
from tests.stories.world import PushedClock, World, alert, notification

BOSS = Actor(kind=ActorKind.API, name="boss")
HANDOFF = datetime(2026, 11, 23, 9, tzinfo=UTC)
"""Carol hands over to Alice in the reference configuration."""


def told(world: World) -> list[str]:
    """Return the texts of the messages without an incident, in order."""
    return [text for text in map(_text, world.slack.messages) if "On-call hand-off" in text]


def _text(message: dict[str, Any]) -> str:
    return "\n".join(block["text"]["text"] for block in message.get("blocks", ()) if "text" in block)


@pytest.fixture
async def early(world: World) -> World:
    """A world some minutes before the hand-off, with two replicas."""
    world.clock = PushedClock(HANDOFF - timedelta(minutes=2))
    return await world.open(2)


async def test_the_hand_off_is_told_once_with_what_there_is_to_know(early: World) -> None:
    await early.post(notification(alert("ApiDown", labels={"service": "api"}), group="a"))
    assert told(early) == []
    await early.forward("3m")
    (text,) = told(early)
    assert text.startswith("On-call hand-off: Alice takes over primary from Carol, until Mon 2026-11-30 09:00 UTC.")
    for said in ("INC-2026-0001 SEV-1 open: ApiDown", "ApiDown: 1 firing, 0 resolved", "Alice has an address on every"):
        assert said in text
    assert text.endswith("<@U0ALICE>")
    await early.forward("30m")
    assert len(told(early)) == 1


async def test_what_is_overdue_is_told_however_old_its_incident(early: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receiver.pipeline.oncall.handoff_summary.NEWEST", 1)
    await early.post(notification(alert("AuthFailing"), group="a"))
    promise = AddAction(title="Add a canary", owner="bob", due=date(2026, 11, 20))
    for command in (promise, Resolve()):
        await early.one.respond.act("INC-2026-0001", command, BOSS, early.clock.now())
    early.clock.forward(timedelta(seconds=1))
    await early.one.respond.declare(Declare(title="newer", severity=Severity.SEV4), BOSS, early.clock.now())
    await early.forward("3m")
    (text,) = told(early)
    assert "INC-2026-0001 action 1: Add a canary (bob, overdue since 2026-11-20)" in text


async def test_a_window_that_was_put_up_meanwhile_is_in_the_checklist(early: World) -> None:
    begins = HANDOFF + timedelta(days=2)
    window = Window(name="cable work", matchers=('service="db"',), starts=begins, ends=begins + timedelta(hours=1))
    await early.one.maintenance_windows.add(window, BOSS, early.clock.now())
    await early.forward("3m")
    (text,) = told(early)
    assert "cable work" in text


async def test_nobody_accepts_and_both_are_reminded_once(early: World) -> None:
    await early.forward("70m")
    _, second = told(early)
    assert "not been accepted yet" in second
    assert second.endswith("<@U0ALICE>, <@U0CAROL>")
    await early.forward("70m")
    assert len(told(early)) == 2


async def test_an_accepted_hand_off_is_not_reminded_of(early: World) -> None:
    await early.forward("3m")
    accepted = await early.one.overrides.accept("primary", BOSS, early.clock.now())
    assert (accepted.by, accepted.handing.incoming, accepted.handing.outgoing) == ("boss", "alice", "carol")
    early.clock.forward("1m")
    again = await early.replicas[1].overrides.accept(
        "@primary", Actor(kind=ActorKind.SLACK, name="bob"), early.clock.now()
    )
    assert (again.by, again.at) == (accepted.by, accepted.at), "the first acceptance counts"
    await early.forward("70m")
    assert len(told(early)) == 1


async def test_a_service_that_starts_later_still_tells_and_much_later_does_not(world: World) -> None:
    world.clock = PushedClock(HANDOFF + timedelta(hours=3))
    await world.open()
    await world.quiet()
    assert len(told(world)) == 1
    world.clock.forward(timedelta(days=7, hours=6))
    await world.quiet()
    assert len(told(world)) == 1


async def test_nothing_is_lost_when_the_replica_dies_while_it_tells(
    early: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: object, **__: object) -> bool:
        raise RuntimeError("killed")

    monkeypatch.setattr(early.one.shared_documents, "put", dies)
    await early.forward("5m")
    assert len(told(early)) == 1


async def test_an_override_counts_at_once_and_everywhere(early: World) -> None:
    now = early.clock.now()
    made = await early.one.overrides.override("primary", "@bob", None, now + timedelta(hours=2), BOSS, now)
    assert (made.person, made.from_, made.by) == ("bob", now, "boss")
    assert early.one.setting.policy.directory.people_of("on-call", now) == ("bob",)
    await early.quiet()
    assert early.replicas[1].setting.policy.directory.people_of("on-call", now) == ("bob",)
    await early.post(notification(alert("ApiDown")))
    assert sorted(early.rung()) == ["bob", "eng-lead"]
    await early.forward("3m")
    (text,) = told(early)
    assert text.startswith("On-call hand-off: Bob takes over primary from Carol, until Mon 2026-11-23 10:58 UTC.")
    ended = await early.replicas[1].overrides.lift(made.id, BOSS, early.clock.now())
    assert ended.until == early.clock.now()
    await early.quiet()
    assert "Alice takes over primary from Bob" in told(early)[1]
    assert early.one.setting.policy.directory.people_of("on-call", now) == ("bob",), "past shifts stay"
    with pytest.raises(PastOverride):
        await early.one.overrides.lift(made.id, BOSS, early.clock.now())


async def test_an_override_to_come_can_be_taken_back(early: World) -> None:
    now = early.clock.now()
    begins = now + timedelta(days=1)
    made = await early.one.overrides.override("primary", "bob", begins, begins + timedelta(days=1), BOSS, now)
    await early.one.overrides.lift(made.id, BOSS, now)
    assert early.one.setting.policy.directory.overrides == ()
    with pytest.raises(NoSuchOverride):
        await early.one.overrides.lift(made.id, BOSS, now)


@pytest.mark.parametrize(
    ("schedule", "person", "begins", "lasts", "error", "said"),
    [
        ("primry", "bob", 0, 1, ImpossibleCommand, "did you mean primary"),
        ("primary", "bobb", 0, 1, ImpossibleCommand, "did you mean bob"),
        ("primary", "bob", -1, 1, InvalidField, "past shifts never change"),
        ("primary", "bob", 2, -1, InvalidField, "later than `from`"),
        ("primary", "bob", -0.001, -1, InvalidField, "later than `from`"),
        ("primary", "bob", 1, 24 * 401, InvalidField, "longer than 400 days"),
    ],
)
async def test_an_override_that_cannot_be_changes_nothing(
    early: World, schedule: str, person: str, begins: float, lasts: float, error: type[Exception], said: str
) -> None:
    now = early.clock.now()
    start = now + timedelta(hours=begins)
    with pytest.raises(error, match=said):
        await early.one.overrides.override(schedule, person, start, start + timedelta(hours=lasts), BOSS, now)
    assert (await early.one.shared_documents.read())[1].get("override", {}) == {}


async def test_the_same_key_makes_one_override(early: World) -> None:
    now, until = early.clock.now(), early.clock.now() + timedelta(hours=1)
    made = await early.one.overrides.override("primary", "bob", None, until, BOSS, now, once="k")
    early.clock.forward("2m")
    now = early.clock.now()
    assert await early.replicas[1].overrides.override("primary", "bob", None, until, BOSS, now, once="k") == made
    with pytest.raises(IdempotencyKeyReused):
        await early.one.overrides.override("primary", "alice", None, until, BOSS, now, once="k")
    assert len(early.one.setting.policy.directory.overrides) == 1


async def test_an_override_that_ended_long_ago_is_deleted(early: World) -> None:
    now = early.clock.now()
    await early.one.overrides.override("primary", "bob", None, now + timedelta(minutes=5), BOSS, now)
    early.clock.forward(timedelta(days=401))
    await early.quiet()
    assert (await early.one.shared_documents.read())[1].get("override", {}) == {}


async def test_nobody_has_taken_over_where_one_person_goes_on(early: World) -> None:
    with pytest.raises(ImpossibleCommand, match="did you mean secondary"):
        await early.one.overrides.accept("secondry", BOSS, early.clock.now())
    assert early.one.schedules.handing("secondary", early.clock.now()) is not None


async def test_a_document_that_cannot_be_read_is_passed_over(early: World) -> None:
    await early.one.shared_documents.put("override", "bad", {"person": 1})
    now = early.clock.now()
    made = await early.one.overrides.override("primary", "bob", None, now + timedelta(minutes=5), BOSS, now)
    assert early.one.setting.policy.directory.overrides == (made,)
