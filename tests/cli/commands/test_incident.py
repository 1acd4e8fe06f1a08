"""The commands of responders against the HTTP server: input and effect."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from receiver.cli import app
from tests.stories.world import alert, notification
from tests.web.conftest import House, Opened

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}
INC = "INC-2026-0001"


LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:")


class Answered(NamedTuple):
    output: str
    exit_code: int


class Typed:
    """Runs commands against a house."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def __call__(self, *words: str, token: str = "respond-token") -> Answered:
        env = {"RECEIVER_URL": str(self.house.client.make_url("/")), "RECEIVER_TOKEN": token}
        result = await asyncio.to_thread(CliRunner().invoke, app, list(words), env=env)
        await self.house.world.quiet()
        # The service logs to the same output here.
        lines = [line for line in result.output.splitlines(keepends=True) if not LOGGED.match(line)]
        return Answered("".join(lines), result.exit_code)


@pytest.fixture
async def typed(opened: Opened) -> Typed:
    house = await opened()
    await house.post(notification(alert(**HIGH)))
    await house.world.quiet()
    return Typed(house)


async def test_a_whole_incident_by_commands(typed: Typed) -> None:
    steps = [
        (("incident", "ack", INC, "--by", "alice"), "acknowledged"),
        (("incident", "role", INC, "ic", "alice"), "acknowledged"),
        (("incident", "note", INC, "looking at the deploy"), "acknowledged"),
        (("incident", "severity", INC, "1", "--text", "it is everybody"), "SEV-1"),
        (("incident", "mitigate", INC, "rollback", "back to 41"), "acknowledged"),
        (("incident", "action", INC, "Add a canary", "--owner", "bob", "--due", "2026-12-01"), "acknowledged"),
        (("incident", "timer", INC, "start"), "acknowledged"),
        (("incident", "status", INC, "identified", "A bad deployment"), "identified"),
        (("incident", "mitigated", INC), "monitoring"),
        (("incident", "resolve", INC, "--text", "all good"), "resolved"),
        (("incident", "close", INC), "closed"),
        (("incident", "reopen", INC), "open"),
        (("incident", "escalate", INC), "open"),
        (("incident", "close", INC, "--force", "--text", "a false alarm"), "closed"),
    ]
    for words, said in steps:
        result = await typed(*words)
        assert result.exit_code == 0, (words, result.output)
        assert said in result.output, words


async def test_the_checklist_is_shown_and_ticked(typed: Typed) -> None:
    assert (await typed("incident", "checklist", INC)).output.startswith("1. [ ] Review alert details")
    result = await typed("incident", "checklist", INC, "2", "--by", "carol")
    assert "2. [x] Check recent deployments (< 24h)  (carol" in result.output


async def test_an_incident_is_declared_merged_and_listed(typed: Typed) -> None:
    made = await typed("incident", "create", "Checkout is slow", "--severity", "3", "--format", "json")
    number = json.loads(made.output)["id"]
    assert number == "INC-2026-0002"
    assert number in (await typed("incident", "list", "--queue")).output
    assert INC not in (await typed("incident", "list", "--queue")).output
    merged = await typed("incident", "merge", number, INC)
    assert merged.output.startswith(INC)


async def test_somebody_is_paged(typed: Typed) -> None:
    assert (await typed("page", "@backend-oncall", "SEV-2: API errors")).output == (
        "paged alice (backend-oncall) on pager\n"
    )
    assert (await typed("page", "@cto", "look", "--incident", INC)).exit_code == 0
    assert typed.house.world.rung()[-1] == "cto"


async def test_the_timeline_is_a_table(typed: Typed) -> None:
    text = (await typed("timeline", INC)).output
    assert text.startswith("## Incident Timeline\n\n**Incident ID**: INC-2026-0001")
    assert "| 14:02 | Alert: HighErrorRate triggered |" in text


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [(("incident", "close", INC), 1, "resolve it first"), (("incident", "ack", "INC-9"), 1, "no incident is named"),
     (("incident", "severity", INC, "5"), 2, "not a severity"),
     (("incident", "silence", INC, "long"), 2, "not a duration"),
     (("page", "@nobody-oncall", "x"), 1, "backend-oncall"),
     (("incident", "silence", INC, "2h"), 1, "Alertmanager")],
)  # fmt: skip
async def test_what_cannot_be_is_said_with_its_code(typed: Typed, words: tuple[str, ...], code: int, said: str) -> None:
    result = await typed(*words)
    assert result.exit_code == code, result.output
    assert said in result.output
    assert not re.match(r"\d{3}:", result.output), "a message without an HTTP status in front"


def test_the_document_is_printed_without_a_service() -> None:
    result = CliRunner().invoke(app, ["openapi"])
    assert result.exit_code == 0
    assert "/api/v1/incidents/{id}/acknowledge" in json.loads(result.output)["paths"]


async def test_each_verb_says_what_it_changed(typed: Typed) -> None:
    said = (await typed("incident", "role", INC, "ic", "alice")).output
    assert "changed: alice is Incident Commander" in said
    assert "changed: nothing" in (await typed("incident", "role", INC, "ic", "alice")).output
    assert "changed: mitigation: Rollback deployment" in (await typed("incident", "mitigate", INC, "rollback")).output
    assert "changed: looking" in (await typed("incident", "note", INC, "looking")).output


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (("role", INC, "ic", "mallory"), "alice"),
        (("action", INC, "Add a canary", "--owner", "mallory"), "alice"),
        (("mitigate", INC, "pray"), "rollback"),
    ],
)
async def test_a_person_or_an_option_that_nobody_knows_needs_force(
    typed: Typed, words: tuple[str, ...], known: str
) -> None:
    refused = await typed("incident", *words)
    assert (refused.exit_code, known in refused.output) == (1, True), refused.output
    forced = await typed("incident", *words, "--force")
    assert (forced.exit_code, words[-1] in forced.output) == (0, True), forced.output


@pytest.mark.parametrize("short", ["1", "inc-2026-1", "INC-2026-1", "inc-2026-0001"])
async def test_an_id_may_be_shortened(typed: Typed, short: str) -> None:
    assert (await typed("incident", "show", short)).output.startswith(f"{INC}  ")
    assert (await typed("incident", "ack", short)).exit_code == 0
    assert (await typed("incident", "show", "2")).exit_code == 1


async def test_a_start_of_an_id_is_enough_for_a_window_and_an_override(typed: Typed) -> None:
    await typed("maintenance", "add", "upkeep", "--match", "service=db", "--until", "2h")
    window = json.loads((await typed("maintenance", "list", "--format", "json")).output)["items"][0]["id"]
    assert (await typed("maintenance", "remove", window[:2])).exit_code == 1
    assert "has ended" in (await typed("maintenance", "remove", window[:4])).output
