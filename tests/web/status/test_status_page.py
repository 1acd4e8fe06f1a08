"""The public page: component names and fixed texts, and no text of an alert or a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from receiver.incident.store_outage.incident_summary import summarize
from receiver.model.delivery.public_incident import PublicPage
from receiver.model.severity import Severity
from receiver.model.severity_policy import Publish
from receiver.pipeline.status.public_view import PublicView
from tests.stories.world import alert, notification
from tests.web.conftest import READ, House, Opened

SUMMARY = "/status/api/v2/summary.json"
DOWN = {"service": "api"}


async def summary(house: House, path: str = SUMMARY) -> dict[str, Any]:
    status, said = await house.get(path, {})
    assert status == 200
    assert isinstance(said, dict)
    return said


def published(config: Any) -> Any:
    """Return the configuration in which every severity publishes updates automatically."""
    policies = {
        severity: policy.model_copy(
            update={"status_page": policy.status_page.model_copy(update={"publish": Publish.AUTO})}
        )
        if policy.status_page
        else policy
        for severity, policy in config.severities.items()
    }
    return config.model_copy(update={"severities": policies})


async def test_a_quiet_service_is_operational(house: House) -> None:
    said = await summary(house)
    assert said["status"] == {"indicator": "none", "description": "All Systems Operational"}
    assert [(c["id"], c["name"], c["status"]) for c in said["components"]] == [
        ("api", "API", "operational"),
        ("dashboard", "Dashboard", "operational"),
        ("automations", "Automations", "operational"),
    ]
    assert said["incidents"] == []


async def test_an_outage_is_told_with_component_names_and_fixed_words(house: House) -> None:
    await house.world.post(notification(alert("ApiDown", labels=DOWN)))
    said = await summary(house)
    assert said["status"]["indicator"] == "critical"
    assert [c["status"] for c in said["components"]] == ["major_outage", "operational", "operational"]
    (incident,) = said["incidents"]
    assert (incident["name"], incident["status"], incident["impact"]) == (
        "API: major outage",
        "investigating",
        "critical",
    )
    assert incident["incident_updates"][0]["body"].startswith(
        "We are currently investigating reports of a major outage affecting API. Next update: "
    )
    assert incident["started_at"] == "2026-11-23T14:02:20.000Z"


async def test_it_follows_the_incident_to_its_end(house: House) -> None:
    await house.world.post(notification(alert("ApiDown", labels=DOWN)))
    first = (await summary(house))["incidents"][0]["id"]
    await house.world.post(notification(alert("ApiDown", firing=False, labels=DOWN)))
    (incident,) = (await summary(house))["incidents"]
    assert (incident["status"], incident["id"]) == ("monitoring", first)
    await house.world.forward("16m")
    assert (await summary(house))["incidents"] == []


async def test_it_speaks_in_the_form_of_statuspage(house: House) -> None:
    await house.world.post(notification(alert("ApiDown", labels=DOWN)))
    said = await summary(house)
    assert set(said) == {"page", "components", "incidents", "scheduled_maintenances", "status"}
    assert set(said["page"]) == {"id", "name", "url", "time_zone", "updated_at"}
    assert {
        "id",
        "page_id",
        "group_id",
        "created_at",
        "updated_at",
        "group",
        "name",
        "description",
        "position",
        "status",
        "showcase",
        "only_show_if_degraded",
        "start_date",
    } == set(said["components"][0])
    assert {"id", "page_id", "name", "status", "impact", "created_at", "updated_at", "monitoring_at", "resolved_at",
            "shortlink", "started_at", "incident_updates", "components"} == set(said["incidents"][0])  # fmt: skip
    assert {"id", "incident_id", "status", "body", "created_at", "updated_at", "display_at", "deliver_notifications",
            "affected_components"} == set(said["incidents"][0]["incident_updates"][0])  # fmt: skip


@pytest.mark.parametrize(
    "labels",
    [
        {"customer_visible": "false"}, {"environment": "staging"},
    ],
)  # fmt: skip
async def test_what_is_not_for_customers_is_not_shown(opened: Opened, labels: dict[str, str]) -> None:
    house = await opened(published)
    await house.world.post(notification(alert("ApiDown", labels=DOWN | labels)))
    assert (await summary(house))["incidents"] == []


async def test_a_drill_is_never_shown(house: House) -> None:
    await house.world.post(notification(alert("ApiDown", labels=DOWN)))
    (incident,) = await house.replica.incidents.listing()
    drill = incident.model_copy(update={"drill": True, "version": incident.version + 1})
    house.replica.incident_cache.take(summarize(drill, house.replica.setting.policy), drill)
    assert (await summary(house))["incidents"] == []


async def test_what_is_to_be_approved_is_a_draft_and_no_draft_is_public(opened: Opened) -> None:
    house = await opened()
    assert house.parts.config.severities[Severity.SEV2].status_page is not None
    await house.world.post(notification(alert("IntegrationDown", labels=DOWN)))
    said = await summary(house)
    assert (said["incidents"], said["status"]["indicator"]) == ([], "none")


@pytest.mark.parametrize(
    ("labels", "shown"), [({}, False), ({"customer_visible": "true"}, True), ({"scope": "many_users"}, True),
                          ({"scope": "internal"}, False), ({"scope": "many_users", "customer_visible": "no"}, False)],
)  # fmt: skip
async def test_a_minor_incident_is_shown_when_customers_see_it(
    opened: Opened, labels: dict[str, str], shown: bool
) -> None:
    house = await opened(published)
    await house.world.post(notification(alert("Odd", labels=DOWN | labels)))
    assert len((await summary(house))["incidents"]) == int(shown)


async def test_the_worst_of_several_counts(opened: Opened) -> None:
    house = await opened(published)
    await house.world.post(notification(alert("IntegrationDown", labels=DOWN), group="a"))
    await house.world.post(notification(alert("ApiDown", labels={"service": "elsewhere"}), group="b"))
    said = await summary(house)
    assert said["status"]["indicator"] == "critical"
    assert said["components"][0]["status"] == "partial_outage"
    assert [i["name"] for i in said["incidents"]] != []
    assert {i["name"] for i in said["incidents"]} == {"API: partial outage", "Stratum AI: major outage"}


SECRETS = (
    "db-17.internal.example",
    "acme-corp",
    "alice",
    "10.0.0.7",
    "<script>",
    "HighErrorRate",
    "{service}",
    "INC-2026",
)


async def test_no_text_of_an_alert_and_no_person_can_reach_it(opened: Opened) -> None:
    house = await opened(published)
    text = " ".join(SECRETS)
    labels = {"service": "api", "tenant": "acme-corp", "scope": "all_users", "instance": text, "title": text, text: "x"}
    notes = {"summary": text, "description": text, "error_rate": "61%", "status": text}
    await house.world.post(notification(alert(labels=labels, annotations=notes), receiver=text, group=text))
    assert len((await summary(house))["incidents"]) == 1
    for client in (house.client, house.status):
        for path in ("/status", SUMMARY):
            async with client.get(path) as response:
                said = await response.text()
                assert not [secret for secret in SECRETS if secret in said]


async def test_without_components_there_is_one_the_service(opened: Opened) -> None:
    house = await opened(lambda config: config.model_copy(update={"status_page": type(config.status_page)()}))
    await house.world.post(notification(alert("ApiDown", labels={"service": "whatever"})))
    said = await summary(house)
    assert [(c["name"], c["status"]) for c in said["components"]] == [("Stratum AI", "major_outage")]


async def test_the_public_listener_serves_nothing_else(house: House) -> None:
    for path, status in (("/", 200), ("/status", 200), (SUMMARY, 200), ("/metrics", 404), ("/api/v1/incidents", 404),
                         ("/healthz", 404), ("/incidents/INC-1", 404), ("/webhooks/alertmanager", 404)):  # fmt: skip
        async with house.status.get(path, allow_redirects=False) as response:
            assert response.status == status, path
            assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_it_may_be_cached_and_read_from_any_page(house: House) -> None:
    async with house.client.get(SUMMARY) as response:
        assert response.headers["Cache-Control"] == "public, max-age=15"
        assert response.headers["Access-Control-Allow-Origin"] == "*"


async def test_what_is_over_stands_in_history_feed_and_list(house: House) -> None:
    await house.world.post(notification(alert("ApiDown", labels=DOWN)))
    await house.world.post(notification(alert("ApiDown", firing=False, labels=DOWN)))
    await house.world.forward("16m")
    assert (await summary(house))["incidents"] == []
    (incident,) = (await summary(house, "/status/api/v2/incidents.json"))["incidents"]
    assert (incident["status"], incident["name"]) == ("resolved", "API: major outage")
    assert [one["status"] for one in incident["incident_updates"]] == ["resolved", "monitoring", "investigating"]
    assert len((await summary(house, "/status/api/v2/components.json"))["components"]) == 3
    assert (await summary(house, "/status/api/v2/status.json"))["status"]["indicator"] == "none"
    async with house.client.get("/status/history") as response:
        text = await response.text()
        assert "API: major outage" in text
        assert text.count("<script") == 1, "its own"
    async with house.status.get("/status/feed.atom") as response:
        assert response.content_type == "application/atom+xml"
        feed = ElementTree.fromstring(await response.text())
    atom = "{http://www.w3.org/2005/Atom}"
    assert [entry.findtext(f"{atom}title") for entry in feed.iter(f"{atom}entry")] == ["API: major outage"]
    assert [feed.findtext(f"{atom}{name}") is not None for name in ("id", "title", "updated", "author")] == [True] * 4


CALLS = (
    "summary", "status", "components", "incidents", "incidents/unresolved", "scheduled-maintenances",
    "scheduled-maintenances/active", "scheduled-maintenances/upcoming",
)  # fmt: skip
"""The paths that npm's statuspage.io client requests."""


def times(value: Any, name: str = "") -> list[tuple[str, Any]]:
    """Return every time in a response, with its field name."""
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in times(item, key)]
    if isinstance(value, list):
        return [found for item in value for found in times(item, name)]
    return [(name, value)] if name in ("created_at", "updated_at", "started_at", "display_at") else []


async def windows(house: House) -> None:
    """Add an active maintenance window and a future one."""
    now = house.world.clock.now()
    for begins, ends in ((now, now + timedelta(hours=1)), (now + timedelta(days=2), now + timedelta(days=2, hours=1))):
        body = {
            "name": "secret name", "matchers": ['service="api"'], "components": ["api"], "from": begins.isoformat(),
            "until": ends.isoformat(),
        }  # fmt: skip
        async with house.client.post("/api/v1/maintenance", json=body, headers=READ) as response:
            assert response.status == 201, await response.text()
    await house.world.quiet()


async def test_every_call_of_a_client_of_statuspage_is_answered(house: House) -> None:
    await house.world.post(notification(alert("ApiDown", labels=DOWN)))
    await windows(house)
    for call in CALLS:
        here = await summary(house, f"/status/api/v2/{call}.json")
        async with house.status.get(f"/api/v2/{call}.json") as response:
            assert (response.status, await response.json()) == (200, here), call
        assert (await house.client.head(f"/status/api/v2/{call}.json")).status == 200
        (name,) = set(here) - {"page"} if call != "summary" else {"components"}
        assert name in here, call
    assert (await house.get("/api/v2/summary.json", {}))[0] == 404, "the root of the console's host is not the page's"
    unresolved = await summary(house, "/status/api/v2/incidents/unresolved.json")
    assert [one["name"] for one in unresolved["incidents"]] == ["API: major outage"]
    path = "/status/api/v2/scheduled-maintenances"
    found = {
        part: [one["status"] for one in (await summary(house, f"{path}{part}.json"))["scheduled_maintenances"]]
        for part in ("", "/active", "/upcoming")
    }
    assert found == {"": ["in_progress", "scheduled"], "/active": ["in_progress"], "/upcoming": ["scheduled"]}


async def test_its_times_are_those_of_changes(house: House) -> None:
    await house.world.post(notification(alert("ApiDown", labels=DOWN)))
    await windows(house)
    opened = "2026-11-23T14:02:20.000Z"
    house.world.clock.forward(timedelta(minutes=5))
    before = await summary(house)
    house.world.clock.forward(timedelta(minutes=5))
    assert await summary(house) == before, "nothing has changed"
    assert before["page"]["updated_at"] == opened
    changed = {one["id"]: one["updated_at"] for one in before["components"]}
    assert changed["api"] == opened > changed["dashboard"]
    now = house.world.clock.now().isoformat()
    for call in CALLS:
        for name, moment in times(await summary(house, f"/status/api/v2/{call}.json")):
            assert moment is not None and moment < now, (call, name)
    await house.world.post(notification(alert("ApiDown", firing=False, labels=DOWN)))
    await house.world.forward("20m")
    after = await summary(house)
    assert after["page"]["updated_at"] > opened and after["components"][0]["updated_at"] > opened


async def test_the_feed_says_where_it_is_and_where_each_incident_is(house: House) -> None:
    await house.world.post(notification(alert("ApiDown", labels=DOWN)))
    async with house.client.get("/status/feed.atom") as response:
        feed = ElementTree.fromstring(await response.text())
    atom, page = "{http://www.w3.org/2005/Atom}", "https://incidents.example.com/status"
    links = {one.get("rel"): one.get("href") for one in feed.findall(f"{atom}link")}
    assert links == {"alternate": page, "self": f"{page}/feed.atom"}
    (entry,) = feed.findall(f"{atom}entry")
    (link,) = entry.findall(f"{atom}link")
    (incident,) = (await summary(house))["incidents"]
    assert link.get("href") == incident["shortlink"] == f"{page}/incidents/{incident['id']}"
    async with house.status.get(f"/status/incidents/{incident['id']}") as response:
        assert (response.status, response.headers["Cache-Control"]) == (200, "public, max-age=15")
        assert "API: major outage" in await response.text()
    assert (await house.get("/status/incidents/000000000000", {}))[0] == 404
    assert (await house.get("/status/incidents/INC-2026-0001", {}))[0] == 404


@pytest.mark.parametrize("path", ["/status", "/status/history", "/status/feed.atom", SUMMARY])
async def test_whoever_has_it_already_is_told_so(house: House, path: str) -> None:
    async with house.client.get(path) as response:
        tag = response.headers["ETag"]
        assert response.headers["Cache-Control"] == "public, max-age=15"
    house.world.clock.forward(timedelta(seconds=30))
    async with house.client.get(path, headers={"If-None-Match": tag}) as response:
        assert response.status == 304
    async with house.client.get(path, headers={"If-None-Match": "*"}) as response:
        assert (response.status, response.headers["ETag"]) == (304, tag)
    await house.world.post(notification(alert("ApiDown", labels=DOWN)))
    if path != "/status/history":
        async with house.client.get(path, headers={"If-None-Match": tag}) as response:
            assert response.status == 200


async def test_a_persons_words_are_shown_and_cannot_do_anything(house: House) -> None:
    await house.world.post(notification(alert("AuthFailing", labels=DOWN)))
    cause = "a \u202ebad\u0000 release"
    body = {"status": "identified", "text": "<b>bold</b>\n& more", "cause": cause, "publish": True}
    async with house.client.post("/api/v1/incidents/INC-2026-0001/status-updates", json=body, headers=READ) as response:
        assert response.status == 200, await response.text()
    await house.world.quiet()
    (incident,) = (await summary(house))["incidents"]
    assert incident["incident_updates"][0]["body"] == "<b>bold</b>\n& more\nCause: a bad  release"
    async with house.client.get("/status") as response:
        text = await response.text()
    assert "&lt;b&gt;bold&lt;/b&gt;<br>&amp; more<br>Cause: a bad  release" in text


async def test_a_page_is_made_once_a_second_however_many_ask(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    page = PublicView.page

    def counted(self: PublicView, *given: Any) -> PublicPage:
        made.append(1)
        return page(self, *given)

    monkeypatch.setattr(PublicView, "page", counted)
    for _ in range(20):
        for path in ("/status", "/status/history", SUMMARY):
            async with house.client.get(path) as response:
                assert response.status == 200
    assert len(made) == 1
    await house.world.post(notification(alert("ApiDown", labels=DOWN)))
    assert len((await summary(house))["incidents"]) == 1, "a change is visible at once"
    made.clear()
    house.world.clock.forward(timedelta(seconds=1))
    await summary(house)
    assert len(made) == 1


async def test_what_was_never_said_to_be_over_stands_in_history_as_over(house: House) -> None:
    await house.world.post(notification(alert("AuthFailing", labels=DOWN)))
    for path, body in (("status-updates/1/approve", None), ("resolve", None)):
        async with house.client.post(f"/api/v1/incidents/INC-2026-0001/{path}", json=body, headers=READ) as response:
            assert response.status == 200, await response.text()
    await house.world.quiet()
    assert (await summary(house))["incidents"] == []
    (incident,) = (await summary(house, "/status/api/v2/incidents.json"))["incidents"]
    assert (incident["status"], incident["resolved_at"]) == ("resolved", "2026-11-23T14:02:20.000Z")
    assert [one["status"] for one in incident["incident_updates"]] == ["investigating"]
