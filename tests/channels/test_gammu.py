"""gammu-smsd: a page as one SMS, through a real gammu-smsd with a dummy modem."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from receiver.channels.base import DeliveryError
from receiver.channels.gammu import Gammu, GammuSettings
from receiver.channels.http_client import Http
from receiver.model.delivery.notice import Action
from receiver.model.severity import Severity
from tests.channels.notices import HOSTILE, hostile, incident, notice, page
from tests.fakes.modem import Modem, text_of
from tests.faults.waiting import until

NUMBER = "+15550101"
SMS = "[SEV-1] INC-2026-0042 checkout-api. Reply a 42 to acknowledge, e 42 to escalate."


@pytest.fixture
def modem(tmp_path: Path) -> Iterator[Modem]:
    """A modem whose gammu-smsd does not run yet."""
    made = Modem(tmp_path / "spool")
    yield made
    made.program.end()


@pytest.fixture
def channel(modem: Modem) -> Gammu:
    """The channel for that modem."""
    return Gammu("modem", GammuSettings(spool=str(modem.folder)), Http())


def paged(action: Action = Action.TRIGGER, **changes: Any) -> Any:
    mine = page(channel="modem", address=NUMBER)
    return notice(action, **{"address": NUMBER, "page": mine, "incident": incident(pages=(mine,)), **changes})


def waiting(modem: Modem) -> list[str]:
    return [text_of((modem.folder / "outbox" / name).read_bytes()) for name in modem.waiting()]


async def test_a_real_modem_sends_it_once_however_often_it_is_handed_over(channel: Gammu, modem: Modem) -> None:
    modem.program.spawn()
    for repeat in (False, True):
        assert (await channel.send(paged(repeat=repeat))).ref
    await until(lambda: modem.sent(NUMBER) == [SMS], "the message is sent")
    await channel.send(paged(repeat=True))
    assert (modem.waiting(), modem.sent(NUMBER)) == ([], [SMS])


async def test_what_ends_a_page_is_silent_and_takes_back_what_waits(channel: Gammu, modem: Modem) -> None:
    await channel.send(paged())
    assert waiting(modem) == [SMS]
    for action in (Action.ACKNOWLEDGE, Action.RESOLVE):
        assert (await channel.send(paged(action))).ref
        assert waiting(modem) == []


async def test_the_most_urgent_is_sent_first(channel: Gammu, modem: Modem) -> None:
    for number, severity in enumerate((Severity.SEV3, Severity.SEV1, Severity.SEV2)):
        await channel.send(paged(page=page(key=f"k{number}", address=NUMBER), incident=incident(severity=severity)))
    assert [text[1:6] for text in waiting(modem)] == ["SEV-1", "SEV-2", "SEV-3"]


@pytest.mark.parametrize("text", [HOSTILE, "x" * 100_000, "é" * 500, "", "\n" * 5000])
async def test_hostile_text_is_short_and_one_line(channel: Gammu, modem: Modem, text: str) -> None:
    await channel.send(hostile(Action.TRIGGER, text, address=NUMBER, page=page(address=NUMBER)))
    (sent,) = waiting(modem)
    assert len(sent) <= 160
    assert sent.startswith("[SEV-1] INC-2026-0042")
    assert not set("\n\r\x00\x1b\u202e\u200b") & set(sent)


async def test_a_drill_and_a_page_outside_any_incident(channel: Gammu, modem: Modem) -> None:
    await channel.send(paged(incident=incident(drill=True)))
    await channel.send(paged(incident=None, text="call me\r\nnow", page=page(key="other", address=NUMBER)))
    assert sorted(text[:11] for text in waiting(modem)) == ["DRILL [SEV-", "call me now"]


@pytest.mark.parametrize("number", ["", "555", "+0123456789", "+1555 0101", "../../etc", "+15550101_x/.."])
async def test_a_number_that_is_none_is_refused_for_good(channel: Gammu, modem: Modem, number: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        await channel.send(paged(address=number))
    assert caught.value.permanent
    assert "alice" in caught.value.detail
    assert modem.waiting() == []


async def test_what_the_modem_could_not_send_is_told_and_tried_by_nobody_else_for_ever(
    channel: Gammu, modem: Modem
) -> None:
    await channel.send(paged())
    (name,) = modem.waiting()
    (modem.folder / "outbox" / name).rename(modem.folder / "error" / name)
    with pytest.raises(DeliveryError) as caught:
        await channel.send(paged(repeat=True))
    assert (caught.value.reason, caught.value.permanent) == ("refused", False)


async def test_a_spool_that_is_not_there(tmp_path: Path) -> None:
    lost = Gammu("modem", GammuSettings(spool=str(tmp_path / "nowhere")), Http())
    with pytest.raises(DeliveryError) as caught:
        await lost.send(paged())
    assert (caught.value.reason, caught.value.permanent, caught.value.ambiguous) == ("connection", False, False)


def test_no_number_is_shown(channel: Gammu) -> None:
    assert NUMBER not in str(channel.preview(paged())) + repr(channel)
    assert "INC-2026-0042" in str(channel.preview(paged()))
    assert Gammu("modem", GammuSettings(), Http()).missing() == "spool is empty"
