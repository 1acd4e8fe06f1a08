"""`GET /api/v1/rules/unknowns` and its command."""

from __future__ import annotations

from importlib import import_module

import pytest

from receiver.model.alert.severity_unknowns import SeverityUnknown, remedy
from tests.web.conftest import Opened


def test_the_command_names_the_alert_rule_and_what_would_be_right(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    item = {
        "alertname": "Odd\x1b[2J", "kind": "severity", "text": "severity=\"odd\" is not in the map: fallback",
        "count": 3,
        "generator_url": "http://p.example.com/graph", "incident": "INC-2026-0001", "first": "2026-11-23T14:00:00Z",
        "last": "2026-11-23T14:05:00Z", "fix": remedy("severity"),
    }  # fmt: skip
    room = import_module(
        "receiver.cli.commands.rules"
    )  # `receiver.cli.commands.rules` is the group of commands of the same name
    monkeypatch.setattr(room, "ask", lambda url, path, token: {"items": [item], "next": None})
    room.unknowns()
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "3x, last 2026-11-23T14:05:00Z  INC-2026-0001" in said
    assert f"to fix: {remedy('severity')}" in said
    monkeypatch.setattr(room, "ask", lambda url, path, token: {"items": [], "next": None})
    room.unknowns()
    assert capsys.readouterr().out.startswith("none: ")


async def test_the_list_is_for_those_who_may_read(opened: Opened) -> None:
    house = await opened()
    house.replica.unknowns.note([SeverityUnknown("Odd", "severity", "text", "")], None, house.world.clock.now())
    status, found = await house.get("/api/v1/rules/unknowns")
    assert status == 200
    (item,) = found["items"]
    assert (item["alertname"], item["count"], item["fix"]) == ("Odd", 1, remedy("severity"))
    assert (await house.get("/api/v1/rules/unknowns", {}))[0] == 401
