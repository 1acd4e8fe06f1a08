"""`receiver oncall`, against the real HTTP server."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

from icalendar import Calendar
from structlog.testing import capture_logs
from typer.testing import CliRunner

from receiver.channels.log import LogSettings
from receiver.cli import app
from receiver.config.settings.reachability_settings import Reachability
from receiver.model.oncall.schedule_settings import Person, Schedule
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
        0, "bob no longer takes over primary\n"
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
        0, "everyone can be reached, and every hour is covered\n", ""
    )  # fmt: skip
    # A page in the log reaches no one, and the preflight reports this.
    legal = Person.model_validate({"name": "Legal", "console": "legal"})
    schedules, config = {"primary": Schedule.model_validate({"people": ["legal"]})}, house.replica.config
    console = {**config.channels, "console": LogSettings()}
    update = {"schedules": schedules, "people": {**config.people, "legal": legal}, "channels": console}
    house.replica.apply(config.model_copy(update=update))
    code, out, _ = await receiver(house, TOKEN, "oncall", "preflight")
    said = "is paged only in the log, which reaches no one: add a paging channel"
    assert (code, out) == (1, f"legal: Legal {said} (schedule primary)\n")
    house.replica.apply(config)
    office = Schedule.model_validate({"people": ["legal"], "only": [{"days": ["mon"]}]})
    house.replica.apply(house.replica.config.model_copy(update={"schedules": {"primary": office}}))
    code, out, _ = await receiver(house, TOKEN, "oncall", "preflight")
    assert code == 1
    assert out.splitlines()[:2] == [
        "legal: Legal has no address on any paging channel (schedule primary)",
        "primary: no one is on call from 2026-11-24T00:00:00.000Z until 2026-11-30T00:00:00.000Z",
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


async def test_test_pages_are_sent_and_waited_for(house: House) -> None:
    code, out, err = await receiver(house, TOKEN, "oncall", "prove", "alice", "--wait", "0s")
    assert (code, out, err) == (2, "", "--wait 0s: not above zero\n") or code == 1
    code, out, err = await receiver(house, TOKEN, "oncall", "prove", "alice", "--wait", "1s")
    assert (code, err) == (1, "1 test page was sent; respond to it on the phone\n")
    assert out == "alice\tpager\tno\tnever\n"
    (proof,) = (await house.replica.reachability.read()).values()
    assert await house.replica.reachability.answered(proof.key, house.world.clock.now())
    code, out, _ = await receiver(house, TOKEN, "oncall", "prove", "alice", "--wait", "1s", "--format", "json")
    assert (code, [one["answered"] for one in json.loads(out)["items"]]) == (0, [True])
    code, _, err = await receiver(house, TOKEN, "oncall", "prove", "alicia")
    assert (code, "did you mean alice?" in err) == (1, True)


async def test_no_address_to_test_is_a_failure(house: House) -> None:
    quiet = {name: one for name, one in house.replica.config.channels.items() if one.kind == "log"}
    house.replica.apply(house.replica.config.model_copy(update={"channels": quiet}))
    code, out, err = await receiver(house, TOKEN, "oncall", "prove", "--wait", "1s")
    assert (code, out) == (1, "")
    assert err == "no test page was sent: no one has an address on a channel that can page (docs/phones.md)\n"
    code, out, _ = await receiver(house, TOKEN, "oncall", "prove", "--wait", "1s", "--format", "json")
    assert (code, json.loads(out)["items"]) == (1, [])


async def test_the_preflight_names_who_has_not_proved_it(house: House) -> None:
    every = Reachability(prove_every=timedelta(days=30))
    house.replica.apply(house.replica.config.model_copy(update={"reachability": every}))
    code, out, _ = await receiver(house, TOKEN, "oncall", "preflight")
    assert (code, out.splitlines()[0]) == (1, "alice: pager was never verified (receiver oncall prove alice)")
    _, told = await house.get("/healthz")
    assert told["reachability"]["unproved"] == len(out.splitlines())


async def typed(house: House, *words: str) -> tuple[int, str, str]:
    """Run a command in this process, against the running service; return as `receiver` does."""
    env = {"RECEIVER_URL": str(house.client.make_url("/")), "RECEIVER_TOKEN": TOKEN}
    with capture_logs():  # the service writes its log to the same output
        done = await asyncio.to_thread(CliRunner().invoke, app, words, env=env)
    return done.exit_code, done.stdout, done.stderr


async def test_a_shift_is_offered_taken_over_and_given_back(house: House) -> None:
    code, out, err = await receiver(
        house, TOKEN, "oncall", "offer", "2026-12-02", "--schedule", "primary", "--by", "bob"
    )
    assert (code, err) == (0, "")
    number, schedule, person, begins, until, taken = out.rstrip("\n").split("\t")
    assert (schedule, person, taken) == ("primary", "bob", "")
    assert (begins, until) == ("2026-12-02T00:00:00.000Z", "2026-12-03T00:00:00.000Z")
    assert (await typed(house, "oncall", "offers"))[1] == out
    code, said, _ = await typed(house, "oncall", "accept", number, "--by", "carol")
    assert (code, said) == (0, f"primary: carol takes over from bob from {begins} until {until}\n")
    assert (await typed(house, "oncall", "show", "--at", "2026-12-02T12:00:00Z"))[1].startswith("primary\tcarol")
    code, _, err = await typed(house, "oncall", "accept", number, "--by", "alice")
    assert (code, "Carol has already accepted this offer" in err) == (1, True)
    code, _, err = await typed(house, "oncall", "withdraw", number)
    assert (code, f"receiver oncall lift {number}" in err) == (1, True)
    assert (await typed(house, "oncall", "lift", number))[0] == 0
    code, said, _ = await typed(house, "oncall", "withdraw", number)
    assert (code, said) == (0, f"{number}: bob stays on call in primary\n")
    lines = (await typed(house, "oncall", "log", "primary"))[1].splitlines()
    assert sorted(line.split("\t")[1] for line in lines) == ["offer_withdrawn", "override_lifted"]
    code, _, err = await typed(house, "oncall", "offer", "2026-12-02")
    assert (code, err.startswith("name a person with by, or --by: alice, bob")) == (1, True), err
    code, _, err = await typed(house, "oncall", "offer", "2026-12-02", "--by", "nobody-here")
    assert (code, "no person is named" in err) == (1, True)
