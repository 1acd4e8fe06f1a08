"""Hidden text is in no response to other readers, and is restored when it is shown again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import SecretStr

from receiver.config import Config
from receiver.config.settings.service_settings import Scope, Token
from receiver.incident.followup.hidden_entries import HIDDEN
from receiver.model.incident.event import Kind
from tests.stories.world import alert, notification
from tests.web.conftest import ADMIN, READ, House, Opened
from tests.web.test_isolation import asked

WORDS = "the customer Zebrafisch told us"
DRAFT = {"status": "identified", "text": WORDS, "cause": WORDS, "publish": False}
LOOKER = {"Authorization": "Bearer looker-token-0123456789"}
AGENT = {"Authorization": "Bearer agent-token-01234567890"}


def with_reader(config: Config) -> Config:
    """Return the configuration with a read-only token and one for MCP."""
    more = [
        Token(name=name, token=SecretStr(headers["Authorization"].removeprefix("Bearer ")), scopes=(scope,))
        for name, headers, scope in (("looker", LOOKER, Scope.READ), ("agent", AGENT, Scope.MCP))
    ]
    return config.model_copy(update={"auth": config.auth.model_copy(update={"tokens": (*config.auth.tokens, *more)})})


@pytest.fixture
async def house(opened: Opened) -> House:
    made = await opened(with_reader)
    await made.post(notification(alert("ApiSlow")))
    await made.world.quiet()
    return made


async def tool(house: House, name: str, number: str) -> str:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": {"id": number}}}
    async with house.client.post("/mcp", json=call, headers=AGENT) as response:
        return await response.text()


async def read_by_others(house: House, number: str) -> dict[str, str]:
    """Return everything that read-only callers can read, by place."""
    path = f"/api/v1/incidents/{number}"
    found = {
        "incident": (await asked(house, "GET", path, LOOKER))[1],
        "list": (await asked(house, "GET", "/api/v1/incidents", LOOKER))[1],
        "timeline": (await asked(house, "GET", f"{path}/timeline", LOOKER))[1],
        "catch-up": (await asked(house, "GET", f"{path}/similar", LOOKER))[1],
        "page": (await asked(house, "GET", f"/incidents/{number}", LOOKER))[1],
    }
    for kind in ("timeline", "postmortem"):
        _, found[f"{kind} as text"], _ = await asked(
            house, "GET", f"{path}/{kind}", {**LOOKER, "Accept": "text/markdown"}
        )
    for name in ("show_incident", "incident_timeline", "decision_record"):
        found[name] = await tool(house, name, number)
    return found


async def hide(house: House, number: str, kind: Kind, *, hidden: bool, **more: Any) -> None:
    uid = await house.replica.incidents.uid_of(number)
    assert uid is not None
    entry = [one for one in await house.replica.incidents.events(uid) if one.kind is kind][-1]
    path = f"/api/v1/incidents/{number}/timeline/{entry.seq}"
    status, text, _ = await asked(house, "PATCH", path, READ, {"hidden": hidden, **more})
    assert status == 200, text


@pytest.mark.parametrize(
    ("method", "verb", "body", "kind", "told"),
    [
        ("PATCH", "", {"severity": "SEV-1", "text": WORDS}, Kind.SEVERITY_SET, ("incident", "list", "page")),
        ("POST", "/mitigations", {"option": "rollback", "text": WORDS}, Kind.MITIGATION, ("incident", "catch-up")),
        ("POST", "/resolve", {"text": WORDS}, Kind.RESOLVED, ("postmortem as text",)),
        ("POST", "/noise", {"text": WORDS}, Kind.NOISE, ("incident", "list", "page", "show_incident")),
        ("PATCH", "", {"title": WORDS}, Kind.EDITED, ("incident", "list", "page", "show_incident")),
        ("PATCH", "", {"cause": WORDS, "impact": WORDS}, Kind.EDITED, ("incident", "list", "page")),
        ("PATCH", "", {"summary": WORDS, "resolution": WORDS}, Kind.EDITED, ("incident", "list", "page")),
        ("POST", "/actions", {"title": WORDS, "owner": "bob"}, Kind.ACTION_ADDED, ("incident", "list", "page")),
        ("POST", "/status-updates", DRAFT, Kind.STATUS_UPDATE, ("incident", "list", "page")),
    ],
)
async def test_hidden_words_are_in_no_answer_that_others_read(
    house: House, method: str, verb: str, body: dict[str, Any], kind: Kind, told: tuple[str, ...]
) -> None:
    number = "INC-2026-0001"
    status, text, _ = await asked(house, method, f"/api/v1/incidents/{number}{verb}", READ, body)
    assert status == 200, text
    assert {name for name, text in (await read_by_others(house, number)).items() if WORDS in text} >= set(told)
    # Earlier corrections are hidden too.
    await hide(house, number, kind, hidden=True, text=f"{WORDS}, in other words")
    assert {name for name, text in (await read_by_others(house, number)).items() if WORDS in text} == set()
    # Callers who may hide it can see it, to show it again.
    _, text, _ = await asked(house, "GET", f"/api/v1/incidents/{number}/timeline", READ)
    assert WORDS in text
    await hide(house, number, kind, hidden=False)
    assert {name for name, text in (await read_by_others(house, number)).items() if WORDS in text} >= set(told)


async def test_an_older_decision_that_is_hidden_changes_nothing(house: House) -> None:
    path = "/api/v1/incidents/INC-2026-0001"
    await asked(house, "PATCH", path, READ, {"severity": "SEV-1", "text": WORDS})
    await asked(house, "PATCH", path, READ, {"severity": "SEV-2", "text": "not so bad"})
    log = json.loads((await asked(house, "GET", f"{path}/timeline", READ))[1])["items"]
    first = next(one["seq"] for one in log if one["kind"] == "severity_set")
    await asked(house, "PATCH", f"{path}/timeline/{first}", READ, {"hidden": True})
    shown = json.loads((await asked(house, "GET", path, LOOKER))[1])
    assert (shown["severity"], "not so bad" in shown["decision"]["reasons"][0]) == ("SEV-2", True)
    await asked(house, "PATCH", f"{path}/timeline/{log[0]['seq']}", READ, {"hidden": True})
    assert json.loads((await asked(house, "GET", path, ADMIN))[1])["decision"]["reasons"] != [HIDDEN]


async def test_words_that_are_hidden_before_chat_has_them_are_not_sent_there(house: House) -> None:
    slack, path = house.world.slack, "/api/v1/incidents/INC-2026-0001"
    slack.refused["chat.postMessage"] = "service_unavailable"
    assert (await asked(house, "POST", f"{path}/notes", READ, {"text": WORDS}))[0] < 300
    assert (await asked(house, "POST", f"{path}/notes", READ, {"text": "a second look"}))[0] < 300
    await house.world.quiet()
    uid = await house.replica.incidents.uid_of("INC-2026-0001")
    assert uid is not None
    note = next(one for one in await house.replica.incidents.events(uid) if one.text == WORDS)
    assert (await asked(house, "PATCH", f"{path}/timeline/{note.seq}", READ, {"hidden": True}))[0] == 200
    del slack.refused["chat.postMessage"]
    await house.world.forward("30s")
    said = json.dumps(slack.messages)
    assert "a second look" in said and HIDDEN in said
    assert WORDS not in said
