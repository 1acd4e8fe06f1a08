"""No output of a real service process contains a secret of the configuration, regardless of vendor responses.

Every secret begins with the same word, so that a part of one, or an encoded one, is found too.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import yaml
from aiohttp import web
from typer.testing import CliRunner

from receiver.cli import app
from tests.e2e.test_process import COMMAND
from tests.fakes.smtp import FakeSmtp
from tests.faults.programs import Program, free_port
from tests.faults.waiting import until
from tests.stories.world import alert, notification

pytestmark = pytest.mark.e2e
WORD = "zzsecret"
TOKENS = {scope: f"{WORD}-{scope}-token-of-the-door" for scope in ("ingest", "admin")}
MODES = ("401", "500", "redirect", "good", "refused", "reset")
LOGIN = base64.b64encode(f"\0{WORD}user\0{WORD}-mail-pass".encode()).decode()


def key(name: str) -> str:
    """Return a routing key of the right length."""
    return f"{WORD}{name}".ljust(32, "0")


class Parrot:
    """All vendors in one: each response repeats the request."""

    def __init__(self) -> None:
        self.mode, self.url, self.asked = "401", "", 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=10_000_000)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        heard = {**request.headers}
        shown = [heard.get("Authorization", ""), request.path_qs, heard, (await request.text())[-4000:]]
        said = " ".join(map(str, shown))
        if self.mode == "reset":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if self.mode == "redirect":
            return web.Response(status=302, headers={"Location": f"{self.url}/elsewhere?{quote(said)[:3000]}"})
        if self.mode == "good":
            # Additional fields of a valid response of each vendor.
            body = {"ok": True, "ts": "1.0", "channel": "C1", "id": "1", "key": "OPS-1", "results": [], "issues": [],
                    "warning": said, "message": said, "errors": [said], "warnings": [said], "status": said}  # fmt: skip
            return web.json_response(body, status=202 if "enqueue" in request.path else 200)
        if self.mode == "refused":
            body = {"ok": False, "error": said, "errors": {said: said}, "errorMessages": [said]}
            return web.json_response(body, status=200 if "/api/" in request.path else 400)
        return web.Response(status=int(self.mode), text=said, content_type="text/html")


class House:
    """The service, one vendor that repeats everything, and a mail server that does so too."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.parrot, self.mail = folder, Parrot(), FakeSmtp()
        self.url = f"http://127.0.0.1:{free_port()}"
        self.config = folder / "receiver.yaml"
        self.seen: dict[str, str] = {}
        arguments = ["serve", "--config", str(self.config), "--listen", self.url.removeprefix("http://")]
        self.service = Program([sys.executable, "-c", COMMAND, *arguments], folder / "log")

    async def open(self) -> None:
        """Return when the service accepts requests."""
        await self.parrot.start()
        await self.mail.start()
        self.config.write_text(yaml.safe_dump(self._content()))
        self.service.spawn({"RECEIVER_LOG_LEVEL": "debug"})

        async def ready() -> bool:
            assert self.service.alive, self.service.log.read_text()
            try:
                return (await self.get("/readyz"))[0] == 200
            except (aiohttp.ClientError, OSError):
                return False

        await until(ready, "a service that is ready")

    def _content(self) -> dict[str, Any]:
        site, port = self.parrot.url, self.mail.port
        host = site.removeprefix("http://")
        told = {"api_url": site, "user": "bot@example.com"}
        return {
            "redis": {"url": "embedded", "data_dir": str(self.folder / "data")},
            "auth": {"tokens": [
                {"name": "am", "token": TOKENS["ingest"], "scopes": ["ingest"]},
                {"name": "boss", "token": TOKENS["admin"], "scopes": ["read", "respond", "admin", "metrics"]},
            ]},
            "severities": {"SEV-1": {
                "page": ["alice"], "notify": ["bob"], "ticket": True, "second_road": ["chat", "mail"],
                "status_page": {"update_within": "0s", "publish": "auto"}, "postmortem": "required",
            }},
            "contacts": {"alice": {"person": "alice"}, "bob": {"person": "bob"}},
            "people": {
                "alice": {"name": "Alice", "slack": "U0ALICE", "pager": key("alice"), "email": "alice@example.com"},
                "bob": {"name": "Bob", "slack": "U0BOB", "pager": key("bob"), "email": "bob@example.com"},
            },
            "status_page": {"components": [{"id": "api", "name": "API", "matchers": ['service="api"']}]},
            "channels": {
                "pager": {"kind": "pagerduty", "api_url": site, "webhook_secret": f"{WORD}-pd-hook",
                          "api_token": f"{WORD}-pd-rest"},
                "chat": {"kind": "slack", "api_url": f"{site}/api", "bot_token": f"xoxb-{WORD}-slack",
                         "signing_secret": f"{WORD}-signing", "channel": "#incidents",
                         "incident_channels": {"severities": ["SEV-1"]}},
                "status": {"kind": "statuspage", "api_url": site, "page_id": "p", "api_key": f"{WORD}-statuspage"},
                "tickets": {"kind": "jira", "project": "OPS", "token": f"{WORD}-jira", **told},
                "tickets-server": {"kind": "jira", "flavor": "server", "project": "OPS", "token": f"{WORD}-jira2",
                                   "api_url": site},
                "wiki": {"kind": "confluence", "space": "OPS", "token": f"{WORD}-wiki", **told},
                "graphs": {"kind": "grafana", "api_url": site, "token": f"{WORD}-grafana"},
                "mail": {"kind": "email", "from": "incidents@example.com",
                         "smtp_url": f"smtp://{WORD}user:{WORD}-mail-pass@127.0.0.1:{port}?tls=never"},
                "others": {"kind": "apprise",
                           "urls": [f"json://{WORD}user:{WORD}-apprise-pass@{host}/{WORD}-apprise-path"]},
                "hook": {"kind": "webhook", "url": f"{site}/{WORD}-hook-path?k={WORD}-hook-query",
                         "secret": f"{WORD}-hook-hmac"},
            },
            "links": {"github": {"api_url": site, "repositories": {"api": "a/b"}, "token": f"{WORD}-github"}},
            "heartbeat": {"url": f"{site}/{WORD}-heartbeat", "every": "10s"},
            "verification": {"prometheus_url": site,
                             "checks": [{"name": "up", "promql": "up", "above": "0"}]},
            "ingest": {"alertmanagers": [site]},
        }  # fmt: skip

    async def get(self, path: str, method: str = "GET", body: Any = None) -> tuple[int, str]:
        """Send a request as the administrator; record and return the response."""
        headers = {"Authorization": f"Bearer {TOKENS['admin']}"}
        async with (
            aiohttp.ClientSession(headers=headers) as client,
            client.request(method, f"{self.url}{path}", json=body, allow_redirects=False) as answer,
        ):
            text = await answer.text()
            self.seen[f"{method} {path} {self.parrot.mode}"] = f"{text} {dict(answer.headers)}"
            return answer.status, text

    async def spoil_a_header(self) -> None:
        """Send a token with a wrong line ending, as from a file, and record the response."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKENS['admin']}\r\r\n\r\n"
        writer.write(head.encode())
        self.seen["a header that cannot be read"] = (await reader.read()).decode()
        writer.close()
        assert " 400 " in self.seen["a header that cannot be read"]

    async def fire(self, number: int) -> None:
        """Open a separate incident by an alert."""
        body = notification(alert("ApiDown", labels={"severity": "critical", "n": str(number)}), group=f"g{number}")
        headers = {"Authorization": f"Bearer {TOKENS['ingest']}", "Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession(headers=headers) as client,
            client.post(f"{self.url}/webhooks/alertmanager", data=body) as answer,
        ):
            assert answer.status < 300, await answer.text()

    def command(self, *words: str) -> None:
        """Record the output of a command."""
        done = CliRunner().invoke(app, words, env={"RECEIVER_URL": self.url, "RECEIVER_TOKEN": TOKENS["admin"]})
        self.seen[" ".join(words)] = done.output

    async def close(self) -> None:
        self.service.end()
        await self.parrot.stop()
        await self.mail.stop()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house that is open."""
    made = House(tmp_path)
    try:
        await made.open()
        yield made
    finally:
        await made.close()


async def test_no_secret_is_seen_anywhere(house: House) -> None:
    async def dead() -> bool:
        _, text = await house.get("/api/v1/dead-letters")
        # A page becomes a dead letter if PagerDuty refuses it with a 400.
        wanted = {"mail", "tickets", "graphs", "status"} | ({"pager"} if mode == "refused" else set())
        return wanted <= {one["channel"] for one in json.loads(text)["items"]}

    tested = [name for name in house._content()["channels"] if name != "mail"]
    for number, mode in enumerate(MODES):
        house.parrot.mode = mode
        refusals = [f"535 5.7.8 {'x' * 90} {LOGIN} {WORD}user {WORD}-mail-pass", f"454 {WORD}-mail-pass {LOGIN}"]
        house.mail.script = {"AUTH": [refusals[number % 2]] * 9}
        for name in tested:
            _, text = await house.get(
                f"/api/v1/channels/{name}/test", "POST", {"to": "alice"} if name == "pager" else {}
            )
            assert json.loads(text).get("outcome"), text
        await house.get("/api/v1/channels/mail/test", "POST", {"to": "alice"})
        if mode in ("401", "500", "refused"):
            await house.fire(number)
            await until(dead, "dead letters")
    document = json.loads((await house.get("/api/openapi.json"))[1])
    (first, *_) = json.loads((await house.get("/api/v1/incidents"))[1])["items"]
    paths = [path.replace("{id}", first["id"]) for path, operations in document["paths"].items() if "get" in operations]
    for path in [*paths, "/metrics", "/", "/status", "/status/api/v2/summary.json", f"/incidents/{first['id']}", "/x"]:
        if "{" not in path and not path.endswith(("stream", "events")):
            await house.get(path)
    await house.get(f"/api/v1/incidents/{first['id']}/document")
    await house.spoil_a_header()
    house.command("dead-letters", "list")
    house.command("incident", "show", first["id"])
    house.command("check-config", str(house.config))
    spoiled = yaml.safe_load(house.config.read_text())
    for one in spoiled["channels"].values():
        one["unknown_key"] = 1
    spoiled["people"]["alice"]["pager"] = f"{WORD}-too-short"
    spoiled["channels"]["hook"]["url"] = f"ftp://{WORD}-hook"
    spoiled["channels"]["mail"]["smtp_url"] = f"http://{WORD}-mail"
    spoiled["channels"]["others"]["urls"] = [f"nonsense://{WORD}-apprise"]
    spoiled["channels"]["chat"]["bot_token"] = [f"{WORD}-list"]
    bad = house.folder / "bad.yaml"
    bad.write_text(yaml.safe_dump(spoiled))
    house.command("check-config", str(bad))
    house.seen["log"] = house.service.log.read_text(errors="replace")
    assert len(house.seen["log"]) > 5000
    assert house.parrot.asked > 60
    coded = [base64.b64encode(f"{WORD}{pad}".encode()).decode()[:8] for pad in ("", "u", "-")]
    found = {
        where: text[max(0, text.index(word) - 120) : text.index(word) + 40]
        for where, text in house.seen.items()
        for word in (WORD, *coded)
        if word in text
    }
    assert found == {}, json.dumps(found, indent=1)
