"""The API's own description is whole, and the scopes hold that it tells of."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from jsonschema import Draft202012Validator

from receiver.config.settings.service_settings import Scope
from receiver.web.api.operations import OPERATIONS
from receiver.web.openapi.other_paths import TAGS
from receiver.web.routes import build
from tests.web.conftest import Opened

FOR_PEOPLE = {
    "/", "/incidents", "/incidents/{id}", "/oncall", "/oncall/{schedule}.ics",
    "/oncall/{schedule}/accept", "/reports/{month}", "/login", "/logout",
    "/incidents/{id}/{verb}", "/console/status", "/console/status/subscribers.csv", "/console/events", "/system",
    "/system/archive", "/reports", "/assets/{name}",
    *(f"/incidents/{{id}}/{name}" for name in ("timeline", "postmortem", "customer-email")),
    "/login/oidc", "/login/oidc/callback", "/sessions", "/sessions/{session}/end",
    "/api/docs", "/status", "/status/history", "/status/incidents/{id}", "/status/components/{id}",
    "/status/internal", "/status/logo",
    # Each is taken with a slash behind it too.
    "/webhooks/alertmanager/", "/webhooks/pagerduty/",
    *(f"/slack/{name}/" for name in ("commands", "interactions", "events")),
}  # fmt: skip


async def test_the_document_is_valid_and_complete(opened: Opened) -> None:
    house = await opened()
    status, made = await house.get("/api/openapi.json", headers={})
    assert (status, made["openapi"]) == (200, "3.1.0")
    app = build(house.parts)
    routed = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD" and route.resource.canonical not in FOR_PEOPLE
    }
    told = {(method.upper(), path) for path, item in made["paths"].items() for method in item}
    assert routed == told
    assert made["servers"] == [{"url": "/"}]
    used = {tag for path in made["paths"].values() for item in path.values() for tag in item["tags"]}
    assert [tag["name"] for tag in made["tags"]] == sorted(used) == sorted(TAGS)
    enums = [name for name, schema in made["components"]["schemas"].items() if "SEV-1" in json.dumps(schema)]
    assert enums == ["Severity"] and json.dumps(made["paths"]).count("SEV-1") == 0
    names = [item["operationId"] for path in made["paths"].values() for item in path.values()]
    assert len(set(names)) == len(names)
    for schema in made["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("scope", list(Scope))
async def test_each_operation_is_refused_to_whoever_lacks_its_scope(opened: Opened, scope: Scope) -> None:
    house = await opened()
    known = build(house.parts)[OPERATIONS]
    holds = {"ingest": {Scope.INGEST}, "metrics": {Scope.METRICS}, "read": {Scope.READ, Scope.RESPOND},
             "mcp": {Scope.MCP}, "respond": {Scope.READ, Scope.RESPOND}, "admin": set(Scope)}[scope]  # fmt: skip
    token = {"ingest": "am-token", "metrics": "none", "read": "respond-token", "respond": "respond-token",
             "mcp": "none", "admin": "admin-token"}[scope]  # fmt: skip
    for one in known:
        if one.scope in holds:
            continue
        path = re.sub(r"\{\w+\}", "1", one.path)
        async with house.client.request(one.method, path, headers={"Authorization": f"Bearer {token}"}) as response:
            assert response.status in (401, 403), (one.name, response.status)


async def test_a_method_that_a_path_has_not_is_answered_with_those_it_has(opened: Opened) -> None:
    house = await opened()
    _, made = await house.get("/api/openapi.json", headers={})
    for path, item in made["paths"].items():
        async with house.client.options(re.sub(r"\{\w+\}", "1", path)) as response:
            assert response.status == 405
            assert {*response.headers["Allow"].split(",")} - {"HEAD"} == {name.upper() for name in item}, path


async def test_people_read_the_same_of_every_operation(opened: Opened) -> None:
    house = await opened()
    _, made = await house.get("/api/openapi.json", headers={})
    for _ in range(2):
        async with house.client.get("/api/docs") as response:
            assert (response.status, response.content_type) == (200, "text/html")
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            text = unescape(await response.text())
    spoken = re.sub("</?code>", "`", text)
    assert text.count("<h1>") == 1
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            assert f"<code>{method.upper()} {path}</code>" in text
            assert operation["summary"] in spoken
    for schema in ("DeclareBody", "MergeBody"):
        for name in made["components"]["schemas"][schema]["properties"]:
            assert f"<td>{name}" in text
