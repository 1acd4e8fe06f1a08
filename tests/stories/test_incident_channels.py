"""An incident's own Slack channel: created once, kept up to date, archived at the end; it delays no other message."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.channels.slack.incident_channel import SlackIncidentChannel, room_name, topic
from receiver.model.command import Assign, Close, Declare, Reopen, Resolve
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.response_records import Role
from receiver.model.severity import Severity
from tests.channels.notices import incident, notice
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")
ONE = "INC-2026-0001"


def creations(world: World) -> int:
    """Return how often a channel was requested."""
    return sum(entry["path"].endswith("conversations.create") for entry in world.slack.taken)


def only(world: World) -> tuple[str, dict[str, Any]]:
    """Return the only created channel, and its id."""
    ((number, room),) = world.slack.rooms.items()
    return number, room


async def belongs(world: World, number: str) -> str | None:
    """Return the id of the incident that a channel belongs to."""
    found = await world.one.incidents.within(number)
    return found.id if found else None


async def test_it_is_made_once_by_two_replicas_and_lives_with_the_incident(world: World) -> None:
    await world.open(2, rooms=True)
    await world.post(notification(alert("AuthFailing")))
    number, room = only(world)
    assert room["name"] == "inc-2026-0001-api-auth-failing"
    assert room["topic"].startswith("[SEV-2] INC-2026-0001 AuthFailing")
    assert "U0ALICE" in room["members"]
    assert "U0VP" not in room["members"]
    assert await belongs(world, number) == ONE
    await world.one.respond.act(ONE, Assign(role=Role.IC, person="bob"), ALICE, world.clock.now())
    await world.quiet()
    assert room["topic"].endswith("(IC: bob)")
    assert "U0BOB" in room["members"]
    said = [one for one in world.slack.messages if one["channel"] == number]
    assert len(said[0]["blocks"]) > 3
    assert "bob is Incident Commander" in str(said[-1])
    for command in (Resolve(), Close()):
        await world.one.respond.act(ONE, command, ALICE, world.clock.now())
        await world.quiet()
    assert room["archived"]
    await world.one.respond.act(ONE, Reopen(), ALICE, world.clock.now())
    await world.quiet()
    assert not room["archived"]
    assert creations(world) == 1


async def test_what_somebody_has_archived_is_left_alone_until_it_begins_again(world: World) -> None:
    await world.open(rooms=True)
    await world.post(notification(alert("AuthFailing")))
    number, room = only(world)
    room["archived"] = True
    for command in (Assign(role=Role.IC, person="bob"), Assign(role=Role.IC, person="carol"), Resolve()):
        await world.one.respond.act(ONE, command, ALICE, world.clock.now())
        await world.quiet()
    assert await world.one.due.letters.all() == {}
    assert room["archived"]
    assert "resolved" in world.slack.parents[0]["text"], "the common channel still shows it"
    (incident_,) = await world.incidents()
    warned = [one["warning"] for one in await world.one.incidents.receipts(incident_.uid) if one.get("warning")]
    assert warned == [f"slack: {room['name']} was archived or deleted by someone, and is left alone"]
    await world.one.respond.act(ONE, Reopen(), ALICE, world.clock.now())
    await world.quiet()
    assert not room["archived"]
    assert "reopened" in str([one for one in world.slack.messages if one["channel"] == number][-1])
    assert creations(world) == 1


@pytest.mark.parametrize("made", [False, True])
async def test_an_answer_that_was_lost_makes_no_second_one(world: World, made: bool) -> None:
    await world.open(rooms=True)
    real, lost = world.slack.act, [True]

    def once(request: Any, body: Any, raw: bytes) -> Any:
        if request.match_info["method"] == "conversations.create" and lost:
            lost.clear()
            if made:
                real(request, body, raw)
            return 500, {}, []
        return real(request, body, raw)

    world.slack.act = once  # type: ignore[method-assign]
    await world.post(notification(alert("AuthFailing")))
    await world.forward("1m")
    number, room = only(world)
    assert await belongs(world, number) == ONE
    assert len(room["pins"]) == 1


async def test_a_name_that_somebody_else_has_is_left_to_them(world: World) -> None:
    await world.open(rooms=True)
    world.slack.channels["inc-2026-0001-api-auth-failing"] = "C0OTHER"
    await world.post(notification(alert("AuthFailing")))
    assert only(world)[1]["name"] == "inc-2026-0001-api-auth-failing-2"


async def test_a_limit_on_channels_holds_up_no_message_and_no_page(world: World) -> None:
    await world.open(rooms=True)
    world.slack.refused["conversations.create"] = "ratelimited"
    await world.post(notification(alert("AuthFailing")))
    assert len(world.slack.parents) == 1
    assert world.rung() == ["alice"]
    assert world.slack.rooms == {}
    del world.slack.refused["conversations.create"]
    await world.forward("1m")
    assert only(world)[1]["pins"]


async def test_who_may_not_make_channels_informs_as_before(world: World) -> None:
    await world.open(rooms=True)
    world.slack.refused["conversations.create"] = "missing_scope"
    await world.post(notification(alert("AuthFailing")))
    assert len(world.slack.parents) == 1
    letters = await world.one.due.letters.all()
    assert [letter["reason"] for letter in letters.values()] == ["client_error"]


async def test_a_mild_one_has_none_and_what_a_storm_holds_back_has_none(world: World) -> None:
    await world.open(rooms=True)
    mild = Declare(title="x", severity=Severity.SEV4)
    await world.one.respond.declare(mild, ALICE, world.clock.now())
    await world.quiet()
    assert world.slack.rooms == {}
    for number in range(30):
        await world.post(notification(alert("AuthFailing", labels={"n": str(number)}), group=f"g{number}"))
    await world.forward("30s")
    held = [one for one in await world.incidents() if one.held]
    assert len(held) >= 5
    made = {await belongs(world, number) for number in world.slack.rooms}
    assert not made & {one.id for one in held}


def test_no_label_is_a_link_in_a_topic() -> None:
    said = topic(incident(title="see https://evil.example/x <!channel> mailto:a@evil.example *now*"))
    assert said.endswith("see https: //evil.example/x &lt;!channel&gt; mailto: a@evil.example now")


def test_the_worst_get_their_channel_first() -> None:
    room = SlackIncidentChannel(None, tuple(Severity), "inc", clickable=True)  # type: ignore[arg-type]
    ranks = [{one.rank for one in room.quotas(notice(incident=incident(severity=level)))} for level in Severity]
    assert ranks == [{2}, {3}, {3}, {3}]


@pytest.mark.parametrize("title", ["<!channel> <@U0VP>", "日本語", "a" * 500, "", "INC-9999-0001 #general @here"])
def test_a_name_is_harmless_whatever_the_labels_say(title: str) -> None:
    name = room_name("inc", incident(id="INC-2026-0042", title=title, names=(title,), service=title or None))
    assert name.startswith("inc-2026-0042")
    assert len(name) <= 76
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")
