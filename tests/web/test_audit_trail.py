"""One line for each administrative action and for each refusal: caller, peer, path, outcome."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from receiver.app import reload_on_signal
from receiver.config import Config, ConfigError, Problem
from tests.web.conftest import ADMIN, JSON, READ, House

LETTER = "/api/v1/dead-letters"


def audits(lines: list[Any]) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == "action_audited"]


def counted(house: House, action: str, outcome: str) -> float:
    labels = {"action": action, "outcome": outcome}
    return house.parts.metrics.registry.get_sample_value("receiver_audited_total", labels) or 0.0


@pytest.mark.parametrize(
    ("method", "path", "action", "outcome"),
    [
        ("POST", "/-/reload", "reload", "done"),
        ("GET", "/api/v1/archive", "export", "done"),
        ("GET", "/api/v1/archive?cursor=%21", "export", "refused"),
        ("POST", "/api/v1/archive", "import", "refused"),
        ("POST", f"{LETTER}/none/replay", "dead_letter_replay", "refused"),
        ("POST", f"{LETTER}/replay", "dead_letter_replay", "done"),
        ("DELETE", f"{LETTER}/none", "dead_letter_drop", "refused"),
        ("POST", "/api/v1/channels/none/test", "channel_test", "refused"),
    ],
)
async def test_an_administrative_action_leaves_one_line(
    house: House, method: str, path: str, action: str, outcome: str
) -> None:
    with capture_logs() as lines:
        async with house.client.request(method, path, headers=ADMIN) as response:
            await response.read()
    (line,) = audits(lines)
    assert (line["action"], line["outcome"]) == (action, outcome)
    assert (line["caller"], line["peer"], line["path"]) == ("admin", "127.0.0.1", path.partition("?")[0])
    assert counted(house, action, outcome) == 1
    assert "admin-token" not in str(lines)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "caller"),
    [
        ("GET", "/api/v1/incidents", {}, 401, None),
        ("POST", "/webhooks/alertmanager", JSON, 401, None),
        ("POST", "/slack/commands", {"Content-Type": "application/x-www-form-urlencoded"}, 401, None),
        ("POST", "/-/reload", READ, 403, "on-call-cli"),
        ("GET", LETTER, READ, 403, "on-call-cli"),
    ],
)
async def test_a_refused_request_leaves_one_line(
    house: House, method: str, path: str, headers: dict[str, str], status: int, caller: str | None
) -> None:
    with capture_logs() as lines:
        async with house.client.request(method, path, headers=headers) as response:
            assert response.status == status
    (line,) = audits(lines)
    assert (line["action"], line["outcome"], line["caller"]) == ("refused_request", str(status), caller)
    assert (line["peer"], line["path"]) == ("127.0.0.1", path)
    assert counted(house, "refused_request", str(status)) == 1


async def test_a_flood_of_refusals_has_ten_lines_a_second_and_is_counted_whole(house: House) -> None:
    async def refused() -> None:
        async with house.client.post("/webhooks/alertmanager", data=b"x" * 2000, headers=JSON) as response:
            assert response.status == 401

    with capture_logs() as lines:
        began = house.parts.clock.monotonic()
        for _ in range(10):
            await asyncio.gather(*(refused() for _ in range(20)))
        seconds = int(house.parts.clock.monotonic()) - int(began) + 1
    assert 10 <= len(audits(lines)) <= 10 * seconds
    assert len(lines) <= 20 * seconds, "one line of the audit and one of the webhook"
    assert counted(house, "refused_request", "401") == 200


async def test_what_is_allowed_leaves_no_line(house: House) -> None:
    with capture_logs() as lines:
        assert (await house.get("/api/v1/incidents"))[0] == 200
    assert not audits(lines)


@pytest.mark.parametrize("good", [True, False])
async def test_a_reload_by_signal_leaves_a_line_as_well(house: House, good: bool) -> None:
    if not good:

        def bad() -> Config:
            raise ConfigError([Problem("receiver.yaml", 1, 1, "channels", "is wrong")])

        house.source = bad
    with capture_logs() as lines:
        await reload_on_signal(house.reloader)
    (line,) = audits(lines)
    outcome = "done" if good else "refused"
    assert (line["action"], line["caller"], line["outcome"]) == ("reload", "SIGHUP", outcome)
    assert counted(house, "reload", outcome) == 1
