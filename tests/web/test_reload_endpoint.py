"""A new configuration takes effect completely, or nothing changes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from receiver.config import Config, load
from tests.fakes import Answer
from tests.stories.world import ROOT, alert, notification
from tests.web.conftest import ADMIN, INGEST, JSON, PATH, READ, House, Opened

pytestmark = pytest.mark.alone

HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%"}}


class Files:
    """The files of the reference configuration in a folder, for changes."""

    def __init__(self, folder: Path, house: House) -> None:
        self.folder, self.house = folder, house
        self.content = yaml.safe_load((ROOT / "config" / "receiver.yaml").read_text("utf-8"))
        self.rules = yaml.safe_load((ROOT / "config" / "severity-rules.yaml").read_text("utf-8"))
        self.env = {
            "ALERTMANAGER_TOKEN": "am-token", "RESPONDER_TOKEN": "respond-token", "ADMIN_TOKEN": "admin-token",
            "PAGERDUTY_URL": house.world.site.url, "SLACK_URL": f"{house.world.site.url}/api",
            "SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s" * 32,
        }  # fmt: skip
        house.source = self.load

    def load(self) -> Config:
        (self.folder / "receiver.yaml").write_text(yaml.safe_dump(self.content), "utf-8")
        (self.folder / "severity-rules.yaml").write_text(yaml.safe_dump(self.rules), "utf-8")
        return load(self.folder / "receiver.yaml", self.env)


async def reload(house: House, headers: dict[str, str] = ADMIN) -> tuple[int, Any]:
    async with house.client.post("/-/reload", headers=headers) as response:
        return response.status, await response.json(content_type=None)


def gauge(house: House, name: str) -> float | None:
    return house.parts.metrics.registry.get_sample_value(f"receiver_config_last_reload_{name}")


@pytest.fixture
async def house(opened: Opened) -> House:
    return await opened()


@pytest.fixture
def files(tmp_path: Path, house: House) -> Files:
    return Files(tmp_path, house)


async def test_new_rules_decide_the_next_notification(house: House, files: Files) -> None:
    assert (await house.post(notification(alert(**HIGH))))[1]["severity"] == "SEV-2"
    files.rules["rules"][4]["when"] = ["error_rate > 10%"]
    status, said = await reload(house)
    assert (status, said["reloaded"], said["needs_restart"]) == (200, True, [])
    other = alert(labels={"service": "dashboard"}, **HIGH)
    assert (await house.post(notification(other, group="other")))[1]["severity"] == "SEV-3"
    assert gauge(house, "successful") == 1


async def test_a_bad_file_changes_nothing_and_says_every_mistake(house: House, files: Files) -> None:
    before = house.replica.setting
    files.content["contacts"]["on-call"] = {"schedul": "primary"}
    files.content["severities"]["SEV-1"]["respond_within"] = "soon"
    status, problem = await reload(house)
    assert status == 422
    assert len(problem["errors"]) >= 2
    assert all("receiver.yaml:" in error["path"] for error in problem["errors"])
    assert house.replica.setting is before
    assert gauge(house, "successful") == 0
    files.content = yaml.safe_load((ROOT / "config" / "receiver.yaml").read_text("utf-8"))
    assert (await reload(house))[0] == 200
    assert gauge(house, "successful") == 1


async def test_a_token_that_is_taken_away_opens_nothing_any_more(house: House, files: Files) -> None:
    files.env["ALERTMANAGER_TOKEN"] = "another"
    assert (await reload(house))[0] == 200
    assert (await house.post(notification(alert(**HIGH))))[0] == 401
    status, _ = await house.post(notification(alert(**HIGH)), Authorization="Bearer another")
    assert status == 200


async def test_requests_under_way_see_no_reload(house: House, files: Files) -> None:
    async def one(number: int) -> int:
        body = notification(alert(f"A{number}", **HIGH), group=f"g{number}")
        async with house.client.post(PATH, data=body, headers={**INGEST, **JSON}) as response:
            return response.status

    posts = [asyncio.create_task(one(number)) for number in range(12)]
    reloads = [asyncio.create_task(reload(house)) for _ in range(3)]
    assert {await post for post in posts} == {200}
    assert {(await done)[0] for done in reloads} == {200}


async def test_another_person_on_call_is_paged_next(house: House, files: Files) -> None:
    files.content["contacts"]["on-call"] = {"person": "carol"}
    await reload(house)
    await house.post(notification(alert(**HIGH)))
    await house.world.quiet()
    assert house.world.rung() == ["carol"]


async def test_an_incident_keeps_the_policy_that_it_opened_under(house: House, files: Files) -> None:
    await house.post(notification(alert(**HIGH)))
    await house.world.quiet()
    files.content["escalations"]["sev-2"]["steps"] = [{"after": "5m", "page": ["cto"]}]
    await reload(house)
    await house.world.forward("14m")
    assert house.world.rung() == ["alice"]
    await house.world.forward("2m")
    assert house.world.rung() == ["alice", "bob", "eng-lead"]


async def test_a_contact_that_is_gone_gives_way_to_those_of_the_severity(house: House, files: Files) -> None:
    files.content["escalations"]["sev-2"]["steps"] = [{"after": "5m", "page": ["vp-engineering"]}]
    files.content["escalations"]["sev-1"]["steps"] = [{"after": "5m", "page": ["cto"]}]
    await reload(house)
    await house.post(notification(alert(**HIGH)))
    await house.world.quiet()
    del files.content["contacts"]["vp-engineering"]
    files.content["escalations"]["sev-2"]["steps"] = [{"after": "5m", "page": ["cto"]}]
    assert (await reload(house))[0] == 200
    await house.world.forward("6m")
    (incident,) = await house.world.incidents()
    log = await house.world.one.incidents.events(incident.uid)
    assert ("page_passed", "unknown_contact") in {(event.kind, event.reason) for event in log}


async def test_a_channel_that_is_gone_parks_what_it_owed(house: House, files: Files) -> None:
    house.world.slack.script.append(Answer(status=503))
    del files.content["channels"]["chat"]
    files.content["schedules"]["primary"].pop("handoff_channel")
    files.content["reviews"].pop("monthly")
    for severity in ("SEV-1", "SEV-2"):
        files.content["severities"][severity]["second_road"] = []
    await house.post(notification(alert(**HIGH)))
    await house.world.quiet()
    assert (await reload(house))[0] == 200
    # Another replica might still have it.
    for _ in range(4):
        await house.world.forward("30s")
    _, letters = await house.get("/api/v1/dead-letters", headers=ADMIN)
    assert {letter["channel"] for letter in letters["items"]} == {"chat"}
    assert "chat" not in house.replica.setting.channels


async def test_who_may_not_reload_does_not(house: House, files: Files) -> None:
    assert (await reload(house, READ))[0] == 403
    assert (await reload(house, {}))[0] == 401
