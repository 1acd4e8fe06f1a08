"""`receiver oncall`, before the real doors."""

from __future__ import annotations

import json
from pathlib import Path

from icalendar import Calendar

from receiver.model.oncall.schedule_settings import Schedule
from tests.cli.test_service_client import receiver
from tests.web.conftest import House

TOKEN = "respond-token"


async def test_who_is_on_call_and_who_follows(house: House) -> None:
    code, out, err = await receiver(house, TOKEN, "oncall", "show")
    assert (code, err) == (0, "")
    primary, secondary = out.splitlines()
    since, until = "2026-11-23T09:00:00.000Z", "2026-11-30T09:00:00.000Z"
    assert primary.split("\t") == ["primary", "alice", since, until, "bob", "rotation"]
    assert secondary.startswith("secondary\tbob\t")
    assert (await receiver(house, TOKEN, "oncall", "show", "--at", "2026-12-01"))[1].startswith("primary\tbob")
    code, out, _ = await receiver(house, TOKEN, "oncall", "show", "--format", "json")
    assert json.loads(out)["schedules"]["primary"]["name"] == "Alice"
    code, out, _ = await receiver(house, TOKEN, "oncall", "next", "primary", "--days", "14")
    assert [line.split("\t")[1] for line in out.splitlines()] == ["alice", "bob", "carol"]
    code, out, _ = await receiver(house, TOKEN, "oncall", "next", "--days", "1", "--format", "json")
    assert list(json.loads(out)) == ["primary", "secondary"]


async def test_somebody_takes_over_and_gives_back(house: House) -> None:
    words = ("oncall", "override", "primary", "@bob", "--from", "2026-12-24T09:00:00+01:00", "--until", "2h")
    code, out, err = await receiver(house, TOKEN, *words)
    assert (code, err) == (0, "")
    number, said = out.rstrip("\n").split(": ", 1)
    assert said == "bob is on call in primary from 2026-12-24T08:00:00.000Z until 2026-12-24T10:00:00.000Z"
    _, out, _ = await receiver(house, TOKEN, "oncall", "overrides")
    assert out.split("\t")[:3] == [number, "primary", "bob"]
    assert (await receiver(house, TOKEN, "oncall", "lift", number))[:2] == (
        0, "bob does not take over primary any more\n"
    )  # fmt: skip
    code, out, err = await receiver(house, TOKEN, "oncall", "lift", number)
    assert (code, out) == (1, "")
    assert "no such override" in err
    code, out, err = await receiver(house, TOKEN, "oncall", "override", "primary", "bobb", "--until", "2026-12-24")
    assert code == 1
    assert "did you mean bob?" in err


async def test_a_hand_off_is_accepted(house: House) -> None:
    code, out, _ = await receiver(house, TOKEN, "oncall", "accept", "primary", "--by", "alice\x1b[2J")
    assert code == 0
    assert out.startswith("primary: alice is on call since 2026-11-23T09:00:00.000Z, accepted by alice")
    assert "\x1b" not in out


async def test_a_calendar_is_printed_or_written(house: House, tmp_path: Path) -> None:
    code, out, _ = await receiver(house, TOKEN, "oncall", "ical", "primary")
    assert code == 0
    file = tmp_path / "primary.ics"
    assert (await receiver(house, TOKEN, "oncall", "ical", "primary", "--out", str(file)))[:2] == (0, "")
    assert len(Calendar.from_ical(out).walk("VEVENT")) == len(Calendar.from_ical(file.read_bytes()).walk("VEVENT")) > 10
    assert (await receiver(house, TOKEN, "oncall", "ical", "primary", "--out", str(tmp_path)))[0] == 1
    assert (await receiver(house, TOKEN, "oncall", "ical", "nothing"))[0] == 1


async def test_a_preflight_is_good_or_says_what_is_not(house: House) -> None:
    assert await receiver(house, TOKEN, "oncall", "preflight") == (
        0, "everybody can be reached, and every hour is held\n", ""
    )  # fmt: skip
    office = Schedule.model_validate({"people": ["legal"], "only": [{"days": ["mon"]}]})
    house.replica.apply(house.replica.config.model_copy(update={"schedules": {"primary": office}}))
    code, out, _ = await receiver(house, TOKEN, "oncall", "preflight")
    assert code == 1
    assert out.splitlines()[:2] == [
        "legal: Legal has no address on any channel that rings (schedule primary)",
        "primary: nobody is on call from 2026-11-24T00:00:00.000Z until 2026-11-30T00:00:00.000Z",
    ]
    code, out, _ = await receiver(house, TOKEN, "oncall", "preflight", "--format", "json")
    assert (code, json.loads(out)["good"]) == (1, False)


async def test_wrong_usage_is_2(house: House) -> None:
    for words in (
        ("show", "--at", "yesterday"), ("show", "--format", "xml"), ("override", "primary", "bob"),
        ("override", "primary", "bob", "--until", "soon"), ("next", "--days", "0"), ("accept",),
    ):  # fmt: skip
        code, out, err = await receiver(house, TOKEN, "oncall", *words)
        assert (code, out) == (2, ""), words
        assert err
