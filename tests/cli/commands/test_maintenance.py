"""`receiver maintenance`, against the real HTTP server."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_service_client import receiver
from tests.stories.world import alert, notification
from tests.web.conftest import House

TOKEN = "respond-token"
DB = ("maintenance", "add", "upgrade", "--match", 'service="db"')


async def test_a_window_is_put_up_listed_and_taken_down(house: House) -> None:
    code, out, err = await receiver(house, TOKEN, *DB, "--until", "2026-11-23T16:00:00Z", "--component", "api")
    assert (code, err) == (0, "")
    number, said = out.rstrip("\n").split(": ", 1)
    assert said == "upgrade active until 2026-11-23T16:00:00.000Z"
    await house.post(notification(alert(labels={"service": "db"}, annotations={"error_rate": "7.3%"})))
    assert house.world.rung() == []
    _, out, _ = await receiver(house, TOKEN, "maintenance", "list")
    assert out.split("\t")[:3] == [number, "upgrade", "now, until 2026-11-23T16:00:00.000Z"]
    code, out, _ = await receiver(house, TOKEN, "maintenance", "remove", number)
    assert (code, out) == (0, "upgrade has ended\n")
    await house.world.quiet()
    assert house.world.rung() == ["alice"]
    code, _, err = await receiver(house, TOKEN, "maintenance", "remove", number)
    assert (code, "no such window" in err) == (1, True)


async def test_a_weekly_one(house: House) -> None:
    words = ("--weekly", "Sunday 03:00", "--for", "1h", "--timezone", "Europe/Berlin", "--format", "json")
    code, out, err = await receiver(house, TOKEN, *DB, *words)
    assert (code, err) == (0, "")
    made = json.loads(out)
    assert (made["weekly"], made["for"], made["next_at"]) == ("Sunday 03:00", 3600.0, "2026-11-29T02:00:00.000Z")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [((), 2, "either"), (("--until", "2h", "--weekly", "Sunday 03:00", "--for", "1h"), 2, "either"),
     (("--weekly", "Sunday 03:00"), 2, "either"), (("--weekly", "Sunday 03:00", "--for", "long"), 2, "--for"),
     (("--until", "soon"), 2, "neither"), (("--until", "2026-11-01"), 1, "later than now"),
     (("--weekly", "Someday 03:00", "--for", "1h"), 1, "time of the week")],
)  # fmt: skip
async def test_what_cannot_be_is_said(house: House, words: tuple[str, ...], code: int, said: str) -> None:
    got, _, err = await receiver(house, TOKEN, *DB, *words)
    assert (got, said in err) == (code, True), err
