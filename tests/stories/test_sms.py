"""Pages by SMS through a user's own modem, and their answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver.channels.gammu import GammuSettings
from receiver.config import Config
from receiver.incident.response.sms_parser import SmsAnswer, Wish, read_answer
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State
from tests.fakes.modem import Modem
from tests.faults.waiting import until
from tests.stories.phones import PhoneWorld
from tests.stories.world import alert, notification

ALICE, LEAD, STRANGER = "+15550101", "+15550102", "+15550666"


@pytest.fixture
async def world(store_url: str, tmp_path: Path) -> AsyncIterator[PhoneWorld]:
    """Alice and the lead are paged by a real gammu-smsd with a dummy modem."""
    modem = Modem(tmp_path / "spool")

    def change(config: Config) -> Config:
        channels = {**config.channels, "modem": GammuSettings(spool=str(modem.folder))}
        return config.model_copy(update={"channels": channels})

    made = PhoneWorld(store_url)
    made.modem = modem
    made.change = change
    made.people = {"alice": {"modem": ALICE, "push": ""}, "eng-lead": {"modem": LEAD, "push": ""}}
    modem.program.spawn()
    try:
        yield await made.open()
    finally:
        modem.program.end()
        await made.close()


async def paged(world: PhoneWorld) -> Incident:
    await world.post(notification(alert("AuthFailing")))
    await until(lambda: len(world.modem.sent(ALICE)) == 1, "the page is sent")
    (incident,) = await world.incidents()
    return incident  # type: ignore[no-any-return]


async def answered(world: PhoneWorld, number: str, text: str) -> None:
    """Let the modem receive an answer, and process it."""
    world.modem.receive(number, text)
    inbox = world.modem.folder / "inbox"
    await until(lambda: any(inbox.iterdir()), "the answer has arrived")
    await world.one.inbox.read()
    assert list(inbox.iterdir()) == []
    await world.quiet()


async def test_a_1_acknowledges_and_is_answered_by_one_sms(world: PhoneWorld) -> None:
    incident = await paged(world)
    await answered(world, ALICE, "a 1")
    (after,) = await world.incidents()
    assert (after.state, after.acknowledged_by) == (State.ACKNOWLEDGED, "alice")
    await until(lambda: len(world.modem.sent(ALICE)) == 2, "the answer to the answer")
    assert world.modem.sent(ALICE)[1] == f"{incident.id} is acknowledged."
    await world.forward("30m")
    assert world.modem.sent(LEAD) == []


@pytest.mark.parametrize("text", ["ack", " A ", "1a", "1 ack"])
async def test_other_ways_to_say_it(world: PhoneWorld, text: str) -> None:
    await paged(world)
    await answered(world, ALICE, text)
    assert [one.state for one in await world.incidents()] == [State.ACKNOWLEDGED]


async def test_the_last_page_is_meant_for_half_an_hour(world: PhoneWorld) -> None:
    await paged(world)
    await world.forward("31m")
    await answered(world, ALICE, "a")
    assert [one.state for one in await world.incidents()] == [State.OPEN]
    await until(lambda: "No open incident" in world.modem.sent(ALICE)[-1], "it is told")


async def test_e_escalates_once_and_c_says_where(world: PhoneWorld) -> None:
    incident = await paged(world)
    await answered(world, ALICE, "e 1")
    await until(lambda: len(world.modem.sent(LEAD)) == 1, "the lead is paged")
    await answered(world, ALICE, "c 1")
    await until(lambda: "in the console" in world.modem.sent(ALICE)[-1], "it is told")
    (after,) = await world.incidents()
    assert (after.id, after.state) == (incident.id, State.OPEN)


async def test_a_thousand_answers_of_others_and_of_nonsense_change_nothing(world: PhoneWorld) -> None:
    before = await paged(world)
    take, now = world.one.inbox.answers.take, world.clock.now()
    told = 0
    for number in range(500):
        assert await take("modem", f"+1555{number:07}", "a 1", f"x{number}", now) is None
        text = ["a 2", "a 999", "resolve 1", "a 1; e 1", "x" * number, "a\n1", "1", "٣a"][number % 8]
        if text != "a\n1":
            said = await take("modem", ALICE, text, f"y{number}", now)
            assert (said is None) is (told >= 10), "ten are answered, even with a forged number"
            assert said is None or "acknowledged." not in said, text
            told += 1
    assert await take("modem", LEAD, "a 1", "foreign", now) == "No open incident 1 has paged this number."
    assert await world.incidents() == [before]


async def test_a_thousand_files_in_the_inbox_that_are_no_answers_change_nothing(world: PhoneWorld) -> None:
    before = await paged(world)
    inbox = world.modem.folder / "inbox"
    texts = ["a 2", "resolve 1", "a 1; e 1", "x" * 5000, "\x00", "", "\u0663a"]
    for number in range(500):
        (inbox / f"IN20261123_140220_{number:02}_+1555{number:07}_00.txt").write_text("a 1")
        (inbox / f"IN20261123_140220_{number:02}_{ALICE}_00.txt").write_bytes(texts[number % 7].encode("utf-8"))
    (inbox / f"IN20261123_140220_00_{ALICE}_00.html").write_text("a 1")
    (inbox / "IN20261123_140220_00_alice_00.txt").write_text("a 1")
    await world.one.inbox.read()
    assert list(inbox.iterdir()) == []
    assert await world.incidents() == [before]
    answers = len(world.modem.sent(ALICE)) - 1 + len(world.modem.waiting())
    assert answers <= 10, "a forged number gets at most ten messages"


async def test_a_stranger_is_not_answered(world: PhoneWorld) -> None:
    await paged(world)
    await answered(world, STRANGER, "a 1")
    assert (world.modem.sent(STRANGER), world.modem.waiting()) == ([], [])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a 12", SmsAnswer(Wish.ACKNOWLEDGE, 12)), ("12 e", SmsAnswer(Wish.ESCALATE, 12)),
        ("ACK", SmsAnswer(Wish.ACKNOWLEDGE, None)), ("c", SmsAnswer(Wish.CLOSE, None)),
        ("12", None), ("", None), ("ab 12", None), ("a 12 13", None), ("a -1", None), ("12a34", None),
    ],
)  # fmt: skip
def test_what_is_understood(text: str, meant: SmsAnswer | None) -> None:
    assert read_answer(text) == meant
