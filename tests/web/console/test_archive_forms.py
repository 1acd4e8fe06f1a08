"""The archive in the console: the download of finished incidents, and the form that imports them."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import ClientError
from structlog.testing import capture_logs

from receiver.pipeline.review import incident_archive
from receiver.store.client.connection import StoreAway
from tests.faults.waiting import until
from tests.web.conftest import READ, House
from tests.web.console.test_forms import Person
from tests.web.test_audit_trail import audits


@pytest.fixture
async def admin(house: House) -> Person:
    return await Person(house, "admin-token").sign_in()


async def test_finished_incidents_are_downloaded_and_imported(
    house: House, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        await house.client.post("/api/v1/incidents", json={"title": f"T{number}", "severity": "SEV-4"}, headers=READ)
    for number in (1, 2):
        await house.client.post(f"/api/v1/incidents/INC-2026-000{number}/resolve", json={}, headers=READ)
    monkeypatch.setattr(incident_archive, "PART", 1)
    headers = {"Cookie": admin.cookie, "Accept": "text/html"}
    with capture_logs() as lines:
        async with house.client.get("/system/archive?since=&until=", headers=headers) as response:
            text = await response.text()
    assert response.headers["Content-Disposition"] == 'attachment; filename="incidents-2026-11-23.jsonl"'
    assert sorted(json.loads(line)["id"] for line in text.splitlines()) == ["INC-2026-0001", "INC-2026-0002"]
    assert [(one["action"], one["outcome"]) for one in audits(lines)] == [("export", "done")]
    await admin.page("/system/archive?since=yesterday", 400)
    async with house.client.get("/system/archive?since=2027-01-01T00:00", headers=headers) as response:
        assert await response.text() == ""
    bad = json.dumps({"id": "<b>INC</b>"})
    said = await admin.send("/system", 200, archive=f"{text}\r\n{bad}\r\n")
    assert "0 imported, 2 already present, 1 rejected." in said and "&lt;b&gt;INC&lt;/b&gt;" in said
    first = json.loads(text.splitlines()[0])
    await house.parts.incident_archive.archive.forget(first)
    assert "1 imported, 1 already present, 0 rejected." in await admin.send("/system", 200, archive=text)
    assert (await house.get(f"/api/v1/incidents/{first['id']}"))[1]["state"] == "resolved"
    for wrong in ("", "[]", "{", "\n"):
        await admin.send("/system", 400, archive=wrong)
    responder = await Person(house, "respond-token").sign_in()
    await responder.page("/system/archive", 403)
    await responder.send("/system", 403, archive=text)
    assert "Import incidents" not in await responder.page("/system")


async def test_a_download_that_the_store_cuts_short_is_no_whole_file(
    house: House, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [([{"id": "INC-2026-0001"}], "next")]

    async def page(*_: object) -> tuple[list[dict[str, str]], str]:
        if not parts:
            raise StoreAway("gone")
        return parts.pop()

    monkeypatch.setattr(house.parts.incident_archive, "page", page)
    with pytest.raises(ClientError):
        async with house.client.get("/system/archive", headers={"Cookie": admin.cookie}) as response:
            await response.read()
    await admin.page("/system/archive", 503)


def request_line(house: House, admin: Person, method: str, version: str = "1.1") -> bytes:
    host = f"Host: 127.0.0.1:{house.client.port}\r\nAccept: text/html\r\nCookie: {admin.cookie}"
    return f"{method} /system/archive HTTP/{version}\r\n{host}\r\n\r\n".encode()


async def test_a_download_that_is_cut_short_is_reset_and_audited(
    house: House, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def page(since: object, until: object, after: str, now: object) -> tuple[list[dict[str, str]], str]:
        if after:
            raise StoreAway("gone")
        return [{"id": "INC-2026-0001"}], "next"

    monkeypatch.setattr(house.parts.incident_archive, "page", page)
    with capture_logs() as lines:
        # With HTTP/1.0, an orderly end would mean that this is the whole file.
        reader, writer = await asyncio.open_connection("127.0.0.1", house.client.port)
        writer.write(request_line(house, admin, "GET", "1.0"))
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
    assert [(one["action"], one["outcome"]) for one in audits(lines)] == [("export", "unavailable")]


async def test_a_canceled_download_is_no_error(house: House, admin: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    async def page(*_: object) -> tuple[list[dict[str, str]], str]:
        nonlocal asked
        asked += 1
        return [{"id": "x" * 200_000}], "more"

    monkeypatch.setattr(house.parts.incident_archive, "page", page)
    # As the service sets it: a handler is not canceled when its client disconnects.
    runner = house.client.server.runner
    assert runner is not None and runner.server is not None
    runner.server.handler_cancellation = False
    with capture_logs() as lines:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.client.port)
        writer.write(request_line(house, admin, "GET"))
        await reader.read(1000)
        writer.transport.abort()
        await until(lambda: bool(audits(lines)), "the audit line")
    assert asked
    assert [one["event"] for one in lines if one["log_level"] == "error"] == []


async def test_the_head_of_a_download_has_no_body(house: House, admin: Person) -> None:
    await house.client.post("/api/v1/incidents", json={"title": "Secret", "severity": "SEV-4"}, headers=READ)
    await house.client.post("/api/v1/incidents/INC-2026-0001/resolve", json={}, headers=READ)
    reader, writer = await asyncio.open_connection("127.0.0.1", house.client.port)
    writer.write(request_line(house, admin, "HEAD"))
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, rest = (await asyncio.wait_for(reader.read(), 60)).partition(b"\r\n\r\n")
    writer.close()
    assert b"application/x-ndjson" in head
    assert rest.startswith(b"HTTP/1.1 200") and b"Secret" not in rest


async def test_an_archive_with_any_line_separator_is_imported(house: House, admin: Person) -> None:
    title = "before\u2028after\u0085end"
    await house.client.post("/api/v1/incidents", json={"title": "T", "severity": "SEV-4"}, headers=READ)
    await house.client.post("/api/v1/incidents/INC-2026-0001/notes", json={"text": title}, headers=READ)
    await house.client.post("/api/v1/incidents/INC-2026-0001/resolve", json={}, headers=READ)
    async with house.client.get("/system/archive", headers={"Cookie": admin.cookie, "Accept": "text/html"}) as response:
        text = await response.text()
    assert "\u2028" in text
    assert "0 imported, 1 already present, 0 rejected." in await admin.send("/system", 200, archive=text)
