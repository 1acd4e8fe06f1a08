"""Teams in the API: the list, the filter of incidents, handing over, and figures of one team."""

from __future__ import annotations

import json
from typing import Any

from receiver.config import Config
from receiver.model.oncall.team_settings import Team
from tests.stories.world import alert, notification
from tests.web.conftest import ADMIN, JSON, House, Opened

TEAMS = {
    "payments": {"labels": {"team": "payments"}, "contacts": {"on-call": {"person": "bob"}}},
    "data": {"any": [['team="data"']], "contacts": {"on-call": {"person": "carol"}}, "priority": 1},
}


def with_teams(config: Config) -> Config:
    return config.model_copy(update={"teams": {name: Team.model_validate(team) for name, team in TEAMS.items()}})


async def posted(house: House, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    async with house.client.post(path, data=json.dumps(body), headers={**ADMIN, **JSON}) as response:
        return response.status, await response.json(content_type=None)


async def opened_by(house: House) -> None:
    high = {"error_rate": "7.3%"}
    names: list[tuple[str, dict[str, str]]] = [("payments", {"team": "payments"}), ("", {})]
    for name, labels in names:
        await house.world.post(notification(alert(f"A{name}", labels=labels, annotations=high), group=name or "top"))


async def test_the_teams_with_what_they_own_and_how_much_is_open(opened: Opened) -> None:
    house = await opened(with_teams)
    await opened_by(house)
    status, found = await house.get("/api/v1/teams")
    assert status == 200
    assert [(one["name"], one["open"]) for one in found["items"]] == [("data", 0), ("payments", 1)]
    assert found["items"][0]["any"] == [['team="data"']]
    assert found["items"][1]["severities"]["SEV-2"]["page"] == ["on-call"]
    assert "a71019f5bc793dcfd889a925a7adff16" not in json.dumps(found)


async def test_lists_and_figures_are_filtered_by_team(opened: Opened) -> None:
    house = await opened(with_teams)
    await opened_by(house)
    for query, teams in (
        ("?team=payments", ["payments"]),
        ("?team=", [""]),
        ("?team=data", []),
        ("", ["", "payments"]),
    ):
        for more in ("", "open=true"):
            path = f"/api/v1/incidents{query}{('&' if query else '?') + more if more else ''}"
            _, found = await house.get(path)
            assert sorted(one["team"] for one in found["items"]) == teams, path
    for query, total in (("?team=payments", 1), ("?team=", 1), ("?team=data", 0), ("", 2)):
        _, report = await house.get(f"/api/v1/reports/metrics{query}")
        assert report["total"] == total, query


async def test_an_incident_is_handed_over(opened: Opened) -> None:
    house = await opened(with_teams)
    await opened_by(house)
    _, before = await house.get("/api/v1/incidents/INC-2026-0001")
    assert (before["team"], before["decision"]["owner"]) == ("payments", 'team payments: team="payments"')
    status, after = await posted(house, "/api/v1/incidents/INC-2026-0001/team", {"team": "data", "text": "Kafka"})
    assert (status, after["team"]) == (200, "data")
    assert [(page["person"], page["status"]) for page in after["pages"]] == [
        ("bob", "resolved"),
        ("carol", "triggered"),
    ]
    _, timeline = await house.get("/api/v1/incidents/INC-2026-0001/timeline")
    said = json.dumps(timeline)
    assert "handed over from team payments to team data by admin: Kafka" in said
    assert "5f8b5900845c9948c964196678404acd" not in said, "no person's address is returned"
    status, refused = await posted(house, "/api/v1/incidents/INC-2026-0001/team", {"team": "dta"})
    assert status == 404
    assert "did you mean data?" in refused["detail"]
    status, _ = await posted(house, "/api/v1/incidents/INC-2026-0001/team", {"team": ""})
    assert status == 200
    status, declared = await posted(house, "/api/v1/incidents", {"title": "Slow", "severity": "SEV-2", "team": "data"})
    assert (status, declared["team"], declared["pages"][0]["person"]) == (201, "data", "carol")


async def test_what_no_team_owns_is_listed(opened: Opened) -> None:
    house = await opened(with_teams)
    await opened_by(house)
    _, found = await house.get("/api/v1/rules/unknowns")
    (unowned,) = [one for one in found["items"] if one["kind"] == "team"]
    assert (unowned["alertname"], unowned["text"]) == ("A", 'no team owns it: team=""')
    assert "teams" in unowned["fix"]


async def test_a_schedule_of_a_team_has_a_calendar_and_a_shift_of_its_own(opened: Opened) -> None:
    def nights(config: Config) -> Config:
        team = Team.model_validate({"labels": {"team": "ops"}, "schedules": {"primary": {"people": ["carol"]}}})
        return config.model_copy(update={"teams": {"ops": team}})

    house = await opened(nights)
    _, shown = await house.get("/api/v1/oncall")
    assert shown["schedules"]["ops/primary"]["person"] == "carol"
    assert shown["schedules"]["primary"]["person"] == "alice"
    async with house.client.get("/api/v1/oncall/ops%2Fprimary.ics", headers=ADMIN) as response:
        assert response.status == 200
        assert "Carol" in await response.text()
    status, _ = await posted(house, "/api/v1/oncall/ops%2Fprimary/accept", {"by": "carol"})
    assert status != 405
    body = {"schedule": "ops/primary", "person": "bob", "until": "2026-11-24T00:00:00Z"}
    status, _ = await posted(house, "/api/v1/oncall/overrides", body)
    assert status == 201
    incident = {"title": "Slow", "severity": "SEV-2", "team": "ops"}
    await house.world.quiet()
    _, declared = await posted(house, "/api/v1/incidents", incident)
    assert [page["person"] for page in declared["pages"]] == ["bob"], "the override applies to the team's contact"
