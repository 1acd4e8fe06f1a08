"""Incidents that become private, storms of private teams, and incidents that were merged into a private one."""

from __future__ import annotations

import json

from receiver.config import Config
from receiver.config.settings.incident_settings import PrivateIncidents
from receiver.config.settings.ingest_settings import Storm
from receiver.web.api.operations import OPERATIONS
from tests.stories.world import alert, notification
from tests.web.conftest import READ, House, Opened
from tests.web.test_isolation import (
    EVERYBODY,
    FOREIGN,
    GUEST,
    NUMBER,
    OWN,
    SECRET,
    asked,
    house,
    open_to_all,
    path_of,
    secretive,
)

__all__ = ["house"]


def apart(config: Config) -> Config:
    """Return a configuration in which alerts of the category security are private."""
    made = secretive(config)
    private = PrivateIncidents(matchers=('category="security"',))
    return made.model_copy(update={"incidents": made.incidents.model_copy(update={"private": private})})


BREACH = alert(
    f"{SECRET}Breach", labels={"team": "search", "service": "search", "category": "security"},
    annotations={"summary": f"{SECRET} leaks"},
)  # fmt: skip


async def test_an_alert_that_joins_later_makes_the_incident_private(opened: Opened) -> None:
    house = await opened(apart)
    await house.post(notification(open_to_all(), group="search"))
    _, said = await house.post(notification(open_to_all(), BREACH, group="search"))
    assert (said["incident"], said["outcome"]) == (NUMBER, "updated"), "it has joined"
    await house.world.quiet()
    path = f"/api/v1/incidents/{NUMBER}"
    assert [(await asked(house, "GET", path, who))[0] for who in (OWN, FOREIGN)] == [404, 200]
    _, text, _ = await asked(house, "GET", f"{path}/timeline", {**FOREIGN, "Accept": "application/json"})
    (made,) = [one for one in json.loads(text)["items"] if one["kind"] == "visibility"]
    assert (made["reason"], made["data"]["posted"]) == ("private_alert", ["chat"])
    world = house.world
    assert SECRET.lower() not in json.dumps([world.pagerduty.taken, world.slack.taken], default=str).lower()
    # A person may override this, and a known alert does not change it again.
    shown = await asked(house, "POST", f"{path}/visibility", FOREIGN, {"visibility": "all"})
    await house.post(notification(open_to_all(), {**BREACH, "annotations": {"summary": "more"}}, group="search"))
    assert (shown[0], (await asked(house, "GET", path, OWN))[0]) == (200, 200)


async def test_one_private_alert_among_others_opens_a_private_incident(opened: Opened) -> None:
    house = await opened(apart)
    common = {"team": "search", "service": "search"}
    await house.post(notification(open_to_all(), BREACH, group="search", commonLabels=common))
    assert (await asked(house, "GET", f"/api/v1/incidents/{NUMBER}", OWN))[0] == 404
    assert SECRET.lower() not in json.dumps(house.world.slack.taken, default=str).lower()


async def test_what_was_merged_into_a_private_incident_does_not_name_it(house: House) -> None:
    path = "/api/v1/incidents/INC-2026-0002"
    async with house.client.post(f"{path}/merge", json={"into": NUMBER}, headers=READ) as response:
        assert response.status == 200
    await house.world.quiet()
    for where in (path, f"{path}/timeline", "/incidents/INC-2026-0002", "/?open=false"):
        status, text, _ = await asked(house, "GET", where, FOREIGN)
        assert (status, EVERYBODY.search(text)) == (200, None), where
    assert "a private incident" in (await asked(house, "GET", f"{path}/timeline", FOREIGN))[1]
    posted = [one for one in house.world.slack.taken if NUMBER in json.dumps(one, default=str)]
    assert all("#payments" in json.dumps(one, default=str) for one in posted)


async def test_a_storm_of_a_private_team_is_private(opened: Opened) -> None:
    def change(config: Config) -> Config:
        made = secretive(config)
        return made.model_copy(update={"ingest": made.ingest.model_copy(update={"storm": Storm(incidents=3)})})

    house = await opened(change)
    for n in range(5):
        one = alert(f"{SECRET}{n}", labels={"team": "payments"}, annotations={"error_rate": "7.3%"})
        await house.post(notification(one, group=f"p{n}"))
    storm = next(one for one in await house.world.incidents() if one.storm)
    assert (storm.private, storm.visible_to) == (True, ("guests",))
    seen = [(await asked(house, "GET", f"/api/v1/incidents/{storm.id}", who))[0] for who in (OWN, GUEST, FOREIGN)]
    assert seen == [200, 200, 404]


async def test_nothing_that_is_read_of_a_public_incident_names_a_private_one_like_it(house: House) -> None:
    like = alert("SearchSlow", labels={"team": "payments", "service": "search"}, annotations={"summary": SECRET})
    _, said = await house.post(notification(like, group="like"))
    private = said["incident"]
    assert (await asked(house, "POST", f"/api/v1/incidents/{private}/resolve", OWN, {"text": SECRET}))[0] == 200
    await house.world.quiet()
    tried = 0
    for one in house.client.app[OPERATIONS]:
        if one.method == "GET" and one.path.startswith("/api/v1/incidents/{id}"):
            status, text, _ = await asked(house, "GET", path_of(one, "INC-2026-0002"), FOREIGN)
            assert private not in text and SECRET not in text and NUMBER not in text, (status, one.path, text)
            tried += status == 200
    assert tried > 3


async def test_a_public_incident_does_not_name_the_private_one_before_it(opened: Opened) -> None:
    house = await opened(apart)
    await house.post(notification(open_to_all(), BREACH, group="search"))
    ended = [{**one, "status": "resolved", "endsAt": "2026-11-23T14:02:20Z"} for one in (open_to_all(), BREACH)]
    await house.post(notification(*ended, group="search"))
    for verb, body in (("resolve", {}), ("close", {"force": True})):
        status, said, _ = await asked(house, "POST", f"/api/v1/incidents/{NUMBER}/{verb}", FOREIGN, body)
        assert status == 200, said
    house.world.clock.forward("3h")
    again = {**open_to_all(), "startsAt": "2026-11-23T17:02:00Z"}
    _, told = await house.post(notification(again, group="search"))
    number = told["incident"]
    assert number != NUMBER
    status, text, _ = await asked(house, "GET", f"/api/v1/incidents/{number}", OWN)
    assert (status, json.loads(text)["previous"], NUMBER in text) == (200, None, False)


async def readings(house: House, number: str, who: dict[str, str]) -> str:
    """Return everything that `who` can read about an incident, in the API and in the console."""
    paths = [one.path for one in house.client.app[OPERATIONS] if one.method == "GET"]
    paths = [path.replace("{id}", number) for path in paths if path.startswith("/api/v1/incidents/{id}")]
    found = []
    for path in (*paths, "/api/v1/incidents", "/api/v1/incidents?open=true", f"/incidents/{number}?events=all"):
        if "{" not in path:
            found.append((path, *(await asked(house, "GET", path, who))[:2]))
    for name in ("timeline", "postmortem"):
        markdown = {**who, "Accept": "text/markdown"}
        found.append((name, *(await asked(house, "GET", f"/api/v1/incidents/{number}/{name}", markdown))[:2]))
        found.append((name, *(await asked(house, "GET", f"/incidents/{number}/{name}", who))[:2]))
    return "\n".join(text for path, status, text in found if status == 200)


async def change(house: House, number: str, verb: str, body: dict[str, object], method: str = "POST") -> str:
    status, said, _ = await asked(house, method, f"/api/v1/incidents/{number}/{verb}", FOREIGN, body)
    assert status in (200, 201), (verb, said)
    return said


async def test_an_incident_that_became_private_is_not_named_by_the_one_after_it(opened: Opened) -> None:
    house = await opened(secretive)
    _, said = await house.post(notification(open_to_all(), group="search"))
    first = said["incident"]
    await change(house, first, "actions", {"title": f"{SECRET} canary", "owner": "bob"})
    await change(house, first, "resolve", {})
    ended = {**open_to_all(), "status": "resolved", "endsAt": "2026-11-23T14:02:20Z"}
    await house.post(notification(ended, group="search"))
    await change(house, first, "actions/1", {"status": "done"}, "PATCH")
    house.world.clock.forward("48h")
    _, said = await house.post(notification({**open_to_all(), "startsAt": "2026-11-25T14:02:00Z"}, group="search"))
    await house.world.quiet()
    second = said["incident"]
    assert second != first
    before = await readings(house, second, OWN)
    assert f"{SECRET} canary" in before and f'"previous":"{first}"' in before, "everyone could see it then"
    await change(house, first, "visibility", {"visibility": "team"})
    text = await readings(house, second, OWN)
    assert SECRET not in text and first not in text, [line for line in text.splitlines() if SECRET in line]
    assert f"{SECRET} canary" in await readings(house, second, FOREIGN)


async def test_an_incident_that_became_private_is_not_named_by_those_merged_with_it_or_split_from_it(
    opened: Opened,
) -> None:
    house = await opened(secretive)
    numbers = []
    for name in ("A", "B", "C"):
        alerts = [alert(f"{name}{n}", labels={"team": "search", "service": name}) for n in range(2)]
        numbers.append((await house.post(notification(*alerts, group=name)))[1]["incident"])
    hub, child, absorbed = numbers
    await change(house, child, "merge", {"into": hub})
    _, text, _ = await asked(house, "GET", f"/api/v1/incidents/{hub}", FOREIGN)
    one = json.loads(text)["alerts"]["items"][0]["fingerprint"]
    part = json.loads(await change(house, hub, "split", {"fingerprints": [one]}))["id"]
    await change(house, absorbed, "merge", {"into": part})
    await house.world.quiet()
    assert f"merged into {hub} by search" in await readings(house, child, OWN)
    assert f"split from {hub} by search" in await readings(house, part, OWN)
    for number in (hub, absorbed):
        await change(house, number, "visibility", {"visibility": "team"})
    for number in (child, part):
        text = await readings(house, number, OWN)
        assert hub not in text and absorbed not in text, [line for line in text.splitlines() if hub in line]
    assert "merged into a private incident by search" in await readings(house, child, OWN)
    assert "split from a private incident by search" in await readings(house, part, OWN)
    assert f"split from {hub} by search" in await readings(house, part, FOREIGN)
