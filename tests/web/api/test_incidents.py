"""The API returns stored incidents in the documented form, without credentials."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from receiver.model.incident.incident import Incident
from receiver.pipeline.delivery.dead_letters import dead_letter_id
from receiver.store.client.connection import StoreAway
from tests.stories.world import alert, notification
from tests.web.conftest import ADMIN, READ, House

FIELDS = {
    *(
        "id",
        "title",
        "severity",
        "state",
        "phase",
        "service",
        "labels",
        "opened_at",
        "acknowledged_at",
        "identified_at",
    ),
    *("mitigated_at", "resolved_at", "closed_at", "alerts", "decision", "roles", "pages", "checklist", "actions"),
    *("links", "drill", "version"),
}
KEYS_OF_PEOPLE = ("a71019f5bc793dcfd889a925a7adff16", "181e0f9e616fde7f2b0636da6552e506")


async def several(house: House, count: int) -> None:
    for number in range(count):
        name = "ApiDown" if number % 2 else "Slow"
        await house.world.post(
            notification(alert(name, labels={"service": f"s{number % 3}", "n": str(number)}), group=f"g{number}")
        )


async def test_one_incident_has_everything_but_credentials(house: House) -> None:
    body = notification(
        alert(annotations={"error_rate": "7.3%", "runbook_url": "https://runbooks.example.com/x"}),
        alert("Other", labels={"address": "kept"}), alert("Gone"),
    )  # fmt: skip
    await house.world.post(body)
    await house.world.post(notification(alert("Gone", firing=False)))
    status, shape = await house.get("/api/v1/incidents/INC-2026-0001")
    assert status == 200
    assert set(shape) >= FIELDS | {"receipts"}
    assert (shape["severity"], shape["state"], shape["phase"]) == ("SEV-2", "open", "triage")
    assert shape["opened_at"] == "2026-11-23T14:02:20.000Z"
    assert (shape["alerts"]["firing"], shape["alerts"]["resolved"]) == (2, 1)
    items = {item["labels"]["alertname"]: item for item in shape["alerts"]["items"]}
    assert [item["status"] for item in shape["alerts"]["items"]] == ["firing", "firing", "resolved"]
    assert items["Gone"]["ends_at"] == "2026-11-23T14:20:00.000Z"
    assert items["HighErrorRate"]["annotations"]["error_rate"] == "7.3%"
    assert items["Other"]["labels"]["address"] == "kept"
    assert set(shape["decision"]) >= {"severity", "rule", "reasons", "scope", "capped_by", "rules_hash", "next_worse"}
    fields = {"contact", "person", "step", "channel", "at", "status", "delivery", "delivered_at"}
    assert [set(page) for page in shape["pages"]] == [fields]
    assert (shape["pages"][0]["person"], shape["pages"][0]["status"]) == ("alice", "triggered")
    assert {receipt["channel"] for receipt in shape["receipts"]} == {"pager", "chat"}
    assert shape["links"]["runbook"] == "https://runbooks.example.com/x"
    assert shape["links"]["console"] == "https://incidents.example.com/incidents/INC-2026-0001"
    assert {"grafana", "logs", "traces", "sentry"} <= set(shape["links"])


async def test_no_door_for_reading_lets_a_routing_key_out(house: House) -> None:
    await house.world.post(notification(alert(labels={"scope": "all_users"}, annotations={"error_rate": "61%"})))
    stored = await house.replica.incidents.listing()
    assert {page.address for page in stored[0].pages} == set(KEYS_OF_PEOPLE)
    for path in ("/api/v1/incidents", "/api/v1/incidents/INC-2026-0001", "/api/v1/incidents/INC-2026-0001/timeline",
                 "/", "/incidents/INC-2026-0001", "/status", "/healthz", "/metrics"):  # fmt: skip
        async with house.client.get(path, headers=READ) as response:
            text = await response.text()
            assert response.status == 200
            assert not [key for key in KEYS_OF_PEOPLE if key in text], path


async def test_a_timeline_is_the_log_oldest_first(house: House) -> None:
    await house.world.post(notification(alert(annotations={"error_rate": "9%"})))
    status, page = await house.get("/api/v1/incidents/INC-2026-0001/timeline")
    assert (status, page["next"]) == (200, None)
    assert [event["seq"] for event in page["items"]] == list(range(1, len(page["items"]) + 1))
    assert [event["kind"] for event in page["items"][:2]] == ["opened", "page"]
    assert set(page["items"][0]) == {"seq", "at", "kind", "actor", "reason", "text", "data"}
    assert page["items"][0]["actor"] == {"kind": "alertmanager", "name": "incident.service", "caller": None}
    assert {"address", "key"}.isdisjoint(page["items"][1]["data"]["page"])


@pytest.mark.parametrize("asked", ["", "open=true&"])
async def test_a_list_is_in_pages_that_leave_nothing_out(house: House, asked: str) -> None:
    await several(house, 7)  # the clock is stopped: all of them opened in the same millisecond
    house.world.clock.forward("1s")
    await house.world.post(notification(alert("Late"), group="late"))
    seen: list[str] = []
    path = f"/api/v1/incidents?{asked}limit=3"
    for _ in range(5):
        status, page = await house.get(path)
        assert status == 200
        assert "items" not in page["items"][0]["alerts"]
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        path = f"/api/v1/incidents?{asked}limit=3&cursor={page['next']}"
    assert seen[0] == "INC-2026-0008"
    assert sorted(seen) == [f"INC-2026-000{number}" for number in range(1, 9)]


async def test_a_page_reads_two_incidents_more_than_it_returns(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(9):
        house.world.clock.forward("1s")
        await house.world.post(notification(alert(f"Late{number}"), group=f"late{number}"))
    read: list[int] = []
    many = house.replica.incidents.many

    async def counted(uids: Sequence[str]) -> list[Incident]:
        read.append(len(uids))
        return await many(uids)

    monkeypatch.setattr(house.replica.incidents, "many", counted)
    path = "/api/v1/incidents?limit=3"
    for last in (False, False, True):
        _, page = await house.get(path)
        assert len(page["items"]) == 3
        assert sum(read) <= 3 + 2
        assert (page["next"] is None) == last
        read.clear()
        path = f"/api/v1/incidents?limit=3&cursor={page['next']}"


async def test_filters_keep_what_is_asked_for(house: House) -> None:
    await several(house, 6)

    async def count(query: str) -> int:
        return len((await house.get(f"/api/v1/incidents?{query}"))[1]["items"])

    assert await count("severity=SEV-1") == 3
    assert await count("severity=SEV-1&severity=SEV-3") == 6
    assert await count("severity=SEV-1&service=s1") == 1
    assert await count("service=s1&service=s2") == 4
    assert await count("open=true") == 6
    assert await count("open=false") == 0
    assert await count("state=open") == 6
    assert await count("state=resolved&state=closed") == 0


@pytest.mark.parametrize("asked", ["severity=SEV-1", "severity=SEV-1&open=true"])
async def test_a_filtered_page_goes_on_where_it_stopped(house: House, asked: str) -> None:
    await several(house, 6)
    _, first = await house.get(f"/api/v1/incidents?{asked}&limit=2")
    _, second = await house.get(f"/api/v1/incidents?{asked}&limit=2&cursor={first['next']}")
    assert len({item["id"] for item in first["items"] + second["items"]}) == 3
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("sate=open", "sate"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=", "cursor"),
        ("open=yes", "open"),
        ("severity=SEV-9", "severity"),
        ("severity=", "severity"),
        ("state=broken", "state"),
        ("%ED%A0%80=1", "?"),
        ("limit=%D9%A1", "limit"),
        ("cursor=1.g", "cursor"),
    ],
)
async def test_a_query_that_is_not_understood_is_400_and_names_it(house: House, query: str, named: str) -> None:
    status, problem = await house.get(f"/api/v1/incidents?{query}")
    assert (status, problem["title"]) == (400, "Bad Request")
    if named != "?":
        assert [error["path"] for error in problem["errors"]] == [named]


@pytest.mark.parametrize("path", ["/api/v1/incidents/INC-2026-0001?x=1", "/api/v1/dead-letters?x=1"])
async def test_doors_without_parameters_take_none(house: House, path: str) -> None:
    assert (await house.get(path, ADMIN))[0] == 400


@pytest.mark.parametrize(
    "number", ["INC-2026-9999", "x" * 5000, "%00", "%0a", "%ED%A0%80", "%2e%2e%2f", "*", "{receiver}"]
)
async def test_an_unknown_incident_is_404(house: House, number: str) -> None:
    for path in (f"/api/v1/incidents/{number}", f"/api/v1/incidents/{number}/timeline", f"/incidents/{number}"):
        assert (await house.get(path))[0] == 404


async def test_dead_letters_are_listed(house: House) -> None:
    letter = {"channel": "pager", "reason": "refused", "at": "2026-11-23T14:02:20.000Z"}
    connection = house.replica.connection
    await connection.client.hset(connection.keys.named("dead"), "u pager k", json.dumps(letter))
    status, page = await house.get("/api/v1/dead-letters", ADMIN)
    assert (status, page) == (
        200,
        {"items": [{"id": dead_letter_id("u pager k"), "row": "u pager k", **letter}], "next": None},
    )


async def test_without_a_store_every_door_that_reads_it_says_503(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreAway("TimeoutError: redis://user:hunter2@host")

    for name in ("listing", "uid_of"):
        monkeypatch.setattr(house.replica.incidents, name, away)
    monkeypatch.setattr(house.replica.due.letters, "all", away)
    for path in ("/api/v1/incidents", "/api/v1/incidents/INC-1", "/incidents/INC-1", "/api/v1/dead-letters"):
        status, problem = await house.get(path, ADMIN)
        assert status == 503
        assert "hunter2" not in json.dumps(problem)
