"""Posts about a team's schedule: hand-offs, the weekly plan and offers, in its own chat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from receiver.model.incident.event import Actor, ActorKind
from receiver.pipeline.oncall.shift_offers import ShiftOffers
from tests.stories.test_teams import TEAMS, TeamWorld, teams
from tests.stories.world import PushedClock

HANDOFF = datetime(2026, 11, 23, 9, tzinfo=UTC)
BOB, CAROL = (Actor(kind=ActorKind.API, name=name) for name in ("bob", "carol"))
SCHEDULE = {"rotation": "weekly", "handoff": "Monday 09:00", "starts": "2026-11-02", "people": ["bob", "carol"]}
PAYMENTS = {
    **TEAMS["payments"], "schedules": {"payments-primary": SCHEDULE},
    "contacts": {"on-call": {"schedule": "payments-primary"}},
}  # fmt: skip


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[TeamWorld]:
    """Two replicas, two minutes before Carol takes over from Bob."""
    made = TeamWorld(store_url)
    made.clock = PushedClock(HANDOFF - timedelta(minutes=2))
    try:
        made.slack.channels["payments"] = "C0PAYMENTS"
        await made.open(2)
        made.reload(teams(payments=PAYMENTS))
        await made.quiet()
        yield made
    finally:
        await made.close()


def told(world: TeamWorld) -> list[tuple[str, str]]:
    """Return the channel and the beginning of each post, in order."""
    return [
        (
            message["channel"],
            next((b["text"]["text"] for b in message.get("blocks", ()) if "text" in b), message["text"]),
        )
        for message in world.slack.messages
    ]


async def test_shift_change_and_weekly_plan_are_posted_once_in_the_chat_of_the_team(world: TeamWorld) -> None:
    assert told(world) == []
    await world.forward("10m")
    posted = [(where, text) for where, text in told(world) if "payments-primary" in text]
    plan = "On call in payments-primary this week (UTC):"
    assert sorted(text.splitlines()[0].partition(",")[0] for _, text in posted) == [
        plan, "On-call hand-off: Carol takes over payments-primary from Bob",
    ]  # fmt: skip
    assert {where for where, _ in posted} == {"C0PAYMENTS"}
    (week,) = [text for _, text in posted if text.startswith(plan)]
    assert week.splitlines()[1:] == ["from Mon 2026-11-23 09:00 until Mon 2026-11-30 09:00: Carol"]
    await world.forward("1h")
    assert len([text for _, text in told(world) if plan in text]) == 1, "once, by any replica"


async def test_an_offer_and_its_acceptance_are_posted_in_the_chat_of_the_team(world: TeamWorld) -> None:
    offers = ShiftOffers(world.one.overrides)
    (made,) = await offers.offer([date(2026, 11, 25)], "payments-primary", CAROL, world.clock.now())
    await world.quiet()
    await offers.accept(made.id, BOB, world.clock.now())
    await world.quiet()
    posted = [(where, text) for where, text in told(world) if made.id in text]
    assert [where for where, _ in posted] == ["C0PAYMENTS", "C0PAYMENTS"]
    assert posted[0][1].startswith("Carol offers payments-primary, Wed 2026-11-25 00:00")
    assert posted[1][1] == f"Bob takes over payments-primary from Carol ({made.id})"
    assert world.one.schedules.at("payments-primary", datetime(2026, 11, 25, 12, tzinfo=UTC)).person == "bob"
