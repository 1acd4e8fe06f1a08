"""No operation of the API reveals a private incident to a token of another team."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from pydantic import SecretStr

from receiver.config import Config
from receiver.config.settings.incident_settings import PrivateIncidents
from receiver.config.settings.service_settings import Auth, Scope, Token
from receiver.model.oncall.team_settings import Team
from receiver.web.api.operations import OPERATIONS, Operation
from receiver.web.console.forms.command_forms import COMMANDS
from tests.stories.world import alert, notification
from tests.web.conftest import JSON, READ, House, Opened
from tests.web.console.test_forms import Person

SECRET = "Zanzibar"
"""A word in every text of the private incident."""
NUMBER, NOBODY = "INC-2026-0001", "INC-2026-0999"
BOTH = (Scope.READ, Scope.RESPOND)
FOREIGN, OWN, GUEST = ({"Authorization": f"Bearer {name}-token"} for name in ("search", "payments", "guest"))
EVERYBODY = re.compile(rf"{SECRET}|{NUMBER}", re.IGNORECASE)


def secretive(config: Config) -> Config:
    """Return a configuration in which the incidents of team payments are private."""
    teams = {
        "payments": {"matchers": ['team="payments"'], "private": True, "visible_to": ["guests"], "chat": "#payments"},
        "search": {"matchers": ['team="search"']},
        "guests": {"matchers": ['team="guests"']},
    }
    tokens = [
        Token(name=name, token=SecretStr(f"{name}-token"), scopes=BOTH, teams=(team,))
        for name, team in (("search", "search"), ("payments", "payments"), ("guest", "guests"))
    ]
    return config.model_copy(
        update={
            "teams": {name: Team.model_validate(team) for name, team in teams.items()},
            "auth": Auth(tokens=(*config.auth.tokens, *tokens)),
        }
    )


def hidden(**more: Any) -> dict[str, Any]:
    return alert(
        f"{SECRET}Down", labels={"team": "payments", "service": f"{SECRET}-api", "severity": "critical"},
        annotations={"summary": f"{SECRET} is down"}, **more,
    )  # fmt: skip


def open_to_all() -> dict[str, Any]:
    return alert("SearchSlow", labels={"team": "search", "service": "search"})


@pytest.fixture
async def house(opened: Opened) -> House:
    made = await opened(secretive)
    _, said = await made.post(notification(hidden(), group="payments"))
    assert said["incident"] == NUMBER
    _, other = await made.post(notification(open_to_all(), group="search"))
    assert other["incident"] == "INC-2026-0002"
    note = {"text": f"{SECRET} note"}
    async with made.client.post(f"/api/v1/incidents/{NUMBER}/notes", json=note, headers=OWN) as response:
        assert response.status == 200
    await made.world.quiet()
    return made


async def asked(
    house: House, method: str, path: str, headers: dict[str, str], body: Any = None
) -> tuple[int, str, dict[str, str]]:
    content = None if method in ("GET", "HEAD") else json.dumps(body or {})
    async with house.client.request(method, path, data=content, headers={**JSON, **headers}) as response:
        return response.status, await response.text(), dict(response.headers)


def path_of(one: Operation, number: str) -> str:
    path = one.path.replace("{n}", "1").replace("{schedule}", "primary").replace("{name}", "chat")
    return re.sub(r"\{\w+\}", number, path)


async def test_every_operation_tells_another_team_nothing(house: House) -> None:
    operations = house.client.app[OPERATIONS]
    tried = 0
    for one in operations:
        if one.path == "/api/v1/events":
            continue
        about = one.path.startswith("/api/v1/incidents/{id}")
        status, text, headers = await asked(house, one.method, path_of(one, NUMBER), FOREIGN)
        shown = f"{text} {headers}"
        assert SECRET.lower() not in shown.lower(), (one.method, one.path)
        assert about or NUMBER not in text.replace(path_of(one, NUMBER), ""), (one.method, one.path, text)
        assert status < 500 or status == 503, (one.method, one.path, status)
        if about:
            # Exactly as for an incident that does not exist: status, text, and headers.
            assert status == 404, (one.method, one.path, text)
            nobody = await asked(house, one.method, path_of(one, NOBODY), FOREIGN)
            kept = {name: value for name, value in headers.items() if name != "Date"}
            assert (status, text, kept) == (*nobody[:2], {k: v for k, v in nobody[2].items() if k != "Date"})
            tried += 1
    assert tried > 20


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/incidents?open=true", "/api/v1/incidents?queue=true", "/api/v1/incidents?limit=1",
        f"/api/v1/incidents?service={SECRET}-api", "/api/v1/incidents?team=payments", "/api/v1/teams",
        "/api/v1/reports/monthly", "/api/v1/reports/metrics", "/", "/oncall", "/console/status", "/reports", "/system",
        "/api/v1/status-updates?state=draft", "/status", "/status/history",
        "/status/api/v2/summary.json", "/status/api/v2/incidents.json", "/status/feed.atom",
        "/status/feed.rss", "/status/badge.svg", "/status/components/api", "/status/internal", "/api/v1/announcements",
    ],
)  # fmt: skip
async def test_no_list_report_or_page_names_it(house: House, path: str) -> None:
    status, text, _ = await asked(house, "GET", path, FOREIGN)
    assert status == 200
    assert not EVERYBODY.search(text.replace(path, ""))
    if path.startswith("/api/v1/incidents") and "service" not in path and "payments" not in path:
        assert "INC-2026-0002" in text or "queue" in path, "its own is listed"
    if path == "/api/v1/reports/monthly":
        assert json.loads(text)["total"] == 1, "not even counted"


async def test_what_is_over_is_named_to_its_own_team_alone(house: House) -> None:
    await asked(house, "POST", f"/api/v1/incidents/{NUMBER}/resolve", OWN)
    for path in ("/", "/?open=false", "/reports"):
        assert SECRET in (await asked(house, "GET", path, OWN))[1], path
        assert not EVERYBODY.search((await asked(house, "GET", path, FOREIGN))[1]), path


async def test_its_own_team_and_those_that_it_is_shown_to_see_it(house: House) -> None:
    for headers, may_act in ((OWN, True), (GUEST, False), (READ, True)):
        path = f"/api/v1/incidents/{NUMBER}"
        status, text, _ = await asked(house, "GET", path, headers)
        assert (status, SECRET in text) == (200, True)
        status, _, _ = await asked(house, "POST", f"{path}/notes", headers, {"text": "x"})
        assert status == (200 if may_act else 403)
        _, text, _ = await asked(house, "GET", "/api/v1/incidents?open=true", headers)
        assert NUMBER in text


async def test_what_is_not_private_may_be_read_by_all_and_changed_by_its_team(house: House) -> None:
    path = "/api/v1/incidents/INC-2026-0002"
    assert (await asked(house, "GET", path, OWN))[0] == 200
    status, text, _ = await asked(house, "POST", f"{path}/acknowledge", OWN)
    assert (status, "change only its own" in text) == (403, True)
    assert (await asked(house, "POST", f"{path}/acknowledge", FOREIGN))[0] == 200


async def test_a_token_of_a_team_declares_for_its_team_and_is_no_administrator(house: House) -> None:
    body = {"title": "By hand", "severity": "SEV-3"}
    status, text, _ = await asked(house, "POST", "/api/v1/incidents", FOREIGN, body)
    assert (status, json.loads(text)["team"]) == (201, "search")
    assert (await asked(house, "POST", "/api/v1/incidents", FOREIGN, {**body, "team": "payments"}))[0] == 403
    merge = {"into": NUMBER}
    assert (await asked(house, "POST", "/api/v1/incidents/INC-2026-0002/merge", FOREIGN, merge))[0] == 404
    for path in ("/api/v1/rules/history", "/api/v1/rules/hits", "/api/v1/rules/unknowns"):
        assert (await asked(house, "GET", path, FOREIGN))[0] == 403


async def test_the_stream_tells_only_who_sees_it(house: House) -> None:
    async def heard(headers: dict[str, str]) -> str:
        said = ""
        with pytest.raises(TimeoutError):
            async with house.client.get("/api/v1/events", headers={**headers, "Last-Event-ID": "x.1"}) as response:
                async with asyncio.timeout(1.0):
                    async for piece in response.content.iter_any():
                        said += piece.decode()
        return said

    foreign, own = asyncio.create_task(heard(FOREIGN)), asyncio.create_task(heard(OWN))
    await asyncio.sleep(0.2)
    await asked(house, "POST", f"/api/v1/incidents/{NUMBER}/notes", OWN, {"text": f"{SECRET} again"})
    assert not EVERYBODY.search(await foreign)
    assert NUMBER in await own


async def test_pages_and_chat_carry_id_and_severity_alone(house: House) -> None:
    world = house.world
    assert world.pagerduty.taken, "a person was paged"
    assert SECRET.lower() not in json.dumps([world.pagerduty.taken, world.slack.taken], default=str).lower()
    posted = [one for one in world.slack.taken if NUMBER in json.dumps(one, default=str)]
    assert all("#payments" in json.dumps(one, default=str) for one in posted), "its own chat, and no other"


async def test_by_hand_it_is_made_private_and_public_again(house: House) -> None:
    path = "/api/v1/incidents/INC-2026-0002"
    assert (await asked(house, "POST", f"{path}/visibility", OWN, {"visibility": "team"}))[0] == 403
    status, text, _ = await asked(house, "POST", f"{path}/visibility", FOREIGN, {"visibility": "team"})
    assert (status, json.loads(text)["visibility"]) == (200, "team")
    assert (await asked(house, "GET", path, OWN))[0] == 404
    _, text, _ = await asked(house, "GET", f"{path}/timeline", {**FOREIGN, "Accept": "application/json"})
    last = json.loads(text)["items"][-1]
    assert (last["kind"], last["reason"], "chat" in last["data"]["posted"]) == ("visibility", "private", True)
    assert (await asked(house, "POST", f"{path}/visibility", FOREIGN, {"visibility": "all"}))[0] == 200
    assert (await asked(house, "GET", path, OWN))[0] == 200


async def test_handed_to_a_team_whose_incidents_are_private_it_becomes_private(house: House) -> None:
    path = "/api/v1/incidents/INC-2026-0002"
    status, text, _ = await asked(house, "POST", f"{path}/team", FOREIGN, {"team": "payments"})
    assert (status, json.loads(text)["visibility"]) == (200, "team")
    assert (await asked(house, "GET", path, FOREIGN))[0] == 404
    assert (await asked(house, "GET", path, OWN))[0] == 200


@pytest.mark.parametrize("rule", ["all", "matchers"])
async def test_incidents_are_private_by_the_configuration(opened: Opened, rule: str) -> None:
    def change(config: Config) -> Config:
        made = secretive(config)
        private = PrivateIncidents(matchers=('category="security"',)) if rule == "matchers" else None
        update = {"private": private, "visibility": "team" if rule == "all" else "all"}
        return made.model_copy(update={"incidents": made.incidents.model_copy(update=update)})

    house = await opened(change)
    await house.post(notification(alert("Breach", labels={"team": "search", "category": "security"})))
    await house.post(notification(alert("Slow", labels={"team": "search"}), group="other"))
    seen = [(await asked(house, "GET", f"/api/v1/incidents/INC-2026-000{n}", OWN))[0] for n in (1, 2)]
    assert seen == ([404, 404] if rule == "all" else [404, 200])


async def test_no_form_of_the_console_does_or_tells_anything(house: House) -> None:
    """Every form of the console responds to a session of another team as for an incident that does not exist."""
    async with house.client.post("/login", data={"token": "search-token", "next": "/"}, allow_redirects=False) as said:
        assert said.status == 303
    async with house.client.get("/incidents/INC-2026-0002") as page:
        word = (await page.text()).partition('name="word" value="')[2].partition('"')[0]
    assert word
    (before,) = [one for one in await house.world.incidents() if one.id == NUMBER]
    fields = {
        "word": word, "confirmed": "yes", "text": "x", "n": "1", "item": "1", "done": "yes", "role": "ic",
        "person": "alice", "title": "x", "owner": "alice", "due": "2026-12-01", "option": "rollback", "action": "start",
        "contact": "on-call", "status": "investigating", "severity": "SEV-1", "hours": "1", "markdown": "x",
        "into": "INC-2026-0002", "verb": "acknowledge",
    }  # fmt: skip

    async def form(path: str, **more: str) -> tuple[int, str]:
        async with house.client.post(path, data={**fields, **more}, allow_redirects=False) as response:
            return response.status, await response.text()

    for verb in (*COMMANDS, "merge", "silence", "postmortem"):
        known = {"status": "draft"} if verb == "postmortem" else {}
        for more in (known, {**known, "confirmed": ""}):
            hidden_, nobody = [await form(f"/incidents/{number}/{verb}", **more) for number in (NUMBER, NOBODY)]
            assert hidden_[0] == 404, verb
            assert hidden_[1].replace(NUMBER, NOBODY) == nobody[1], verb
            assert SECRET not in hidden_[1]
    assert (await form("/incidents/INC-2026-0002/merge", into=NUMBER))[0] == 404, "and nothing is merged into it"
    for path, more in (("/", {"acknowledge": NUMBER}), ("/", {f"id.{NUMBER}": "on"}), ("/console/status", {})):
        status, text = await form(path, **more)
        assert (status >= 400, SECRET in text) == (True, False), path
    for verb in ("resolve", "merge"):
        assert SECRET not in (await form("/", verb=verb, confirmed="", **{f"id.{NUMBER}": "on"}))[1]
    for document in ("timeline", "postmortem", "customer-email"):
        async with house.client.get(f"/incidents/{NUMBER}/{document}") as page:
            assert page.status == 404, document
    await house.world.quiet()
    assert [one for one in await house.world.incidents() if one.id == NUMBER] == [before]


async def test_the_question_before_several_are_resolved_counts_no_alert_of_another_team(house: House) -> None:
    person = await Person(house, "search-token").sign_in()
    both = {f"id.{NUMBER}": "yes", "id.INC-2026-0002": "yes"}
    assert "1 alert is still firing" in await person.send("/", 200, verb="resolve", **both)
