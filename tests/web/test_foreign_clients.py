"""Third-party clients: npm's Statuspage client, an OpenAPI generator, a feed parser."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import feedparser
import pytest

from tests.faults.programs import ROOT
from tests.stories.world import alert, notification
from tests.web.conftest import House

pytestmark = pytest.mark.e2e
CLIENTS = ROOT / "tests" / "clients"
DOWN: dict[str, Any] = {"labels": {"component": "api", "service": "api"}}


async def node(script: str, *arguments: str) -> Any:
    """Return the output of a script of `tests/clients`."""
    program = shutil.which("node")
    assert program is not None, "node is missing: `make tools` installs it (Debian's packages)"
    assert (CLIENTS / "node_modules").is_dir(), "the clients are missing: `make test` installs them (npm ci)"
    process = await asyncio.create_subprocess_exec(
        program, str(CLIENTS / script), *arguments, cwd=CLIENTS,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()
    return json.loads(said)


async def test_the_statuspage_client_of_npm_understands_the_page(house: House) -> None:
    await house.world.post(notification(alert("ApiDown", **DOWN)))
    await house.world.quiet()
    said = await node("statuspage.cjs", str(house.status.make_url("/")))
    assert said["summary"]["status"] == said["status"]["status"]
    assert said["status"]["status"]["indicator"] != "none"
    (incident,) = said["incidents"]["incidents"]
    assert said["unresolved"]["incidents"] == [incident] == said["summary"]["incidents"]
    assert incident["incident_updates"]
    assert said["components"]["components"] == said["summary"]["components"] != []
    assert said["maintenances"]["scheduled_maintenances"] == said["upcoming"]["scheduled_maintenances"] == []


async def test_a_generated_client_walks_an_incident_through_its_life(house: House, tmp_path: Path) -> None:
    said = await node(
        "generated_client.cjs", str(house.client.make_url("")).rstrip("/"), "respond-token", str(tmp_path)
    )
    assert (said["one"]["title"], said["one"]["severity"]) == ("Checkout fails", "SEV-3")
    assert said["one"]["state"] == "resolved"
    assert said["ids"] == [said["one"]["id"]]
    assert said["refused"]["status"] == 404, "an error has the type that the document says"
    assert said["enums"] == ["Severity"], "one enum of severities"
    assert said["operations"] > 50


async def test_a_feed_parser_reads_the_feed(house: House) -> None:
    await house.world.post(notification(alert("ApiDown", **DOWN)))
    async with house.client.get("/status/feed.atom") as answer:
        feed = feedparser.parse(await answer.read(), response_headers={"content-type": answer.headers["Content-Type"]})
    assert (feed.get("bozo_exception"), feed.version) == (None, "atom10")
    assert {one.rel: one.href for one in feed.feed.links}["self"].endswith("/status/feed.atom")
    (entry,) = feed.entries
    assert entry.id and entry.link.startswith("https://incidents.example.com/status/incidents/")
    assert entry.updated_parsed is not None
