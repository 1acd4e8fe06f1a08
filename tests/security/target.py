"""The target of the attacks: a process with 1024 descriptors, its vendors, and its legitimate callers."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import yaml

from tests.fakes import FakePagerDuty, FakeSlack, Site
from tests.fakes.slack import TOKEN as BOT_TOKEN
from tests.faults.programs import ROOT, Program, free_port
from tests.faults.waiting import until
from tests.stories.world import alert, notification

INGEST, RESPOND, ADMIN = (f"{name}-token-of-the-security-tests" for name in ("ingest", "respond", "admin"))
SLACK_SECRET, PAGER_SECRET = "s" * 32, "whsec-of-the-security-tests"
DESCRIPTORS = 1024
START = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from receiver.cli import main
main()
"""


class Target:
    """One service process and its vendors. `url` and `status_url` are its two listeners."""

    def __init__(self, folder: Path, *, hard: int = DESCRIPTORS) -> None:
        """`hard` is the hard limit of descriptors; the soft one is 1024."""
        self.folder = folder
        self.pager, self.chat = FakePagerDuty(), FakeSlack()
        self.site = Site(self.pager, self.chat)
        self.port, self.status_port = free_port(), free_port()
        self.url, self.status_url = (f"http://127.0.0.1:{port}" for port in (self.port, self.status_port))
        self.config = folder / "receiver.yaml"
        start = START.format(soft=DESCRIPTORS, hard=hard)
        self.service = Program([sys.executable, "-c", start, "serve", "--config", str(self.config)], folder / "log")
        self._sent = 0

    async def open(self, **change: Any) -> None:
        """Return when it accepts requests. `change` has settings to change, by section."""
        await self.site.start()
        shutil.copy(ROOT / "config" / "severity-rules.yaml", self.folder)
        content = yaml.safe_load((ROOT / "config" / "receiver.yaml").read_text("utf-8"))
        content["server"] |= {"listen": f"127.0.0.1:{self.port}", "status_page_listen": f"127.0.0.1:{self.status_port}"}
        content["redis"] |= {"url": "embedded", "data_dir": str(self.folder / "data")}
        content["contacts"]["on-call"] = {"person": "alice"}  # the same person in every week
        content["channels"]["chat"]["incident_channels"] = None
        content["channels"]["mail"]["smtp_url"] = ""
        content["ingest"]["storm"] = {"incidents": 1_000_000, "within": "1s"}
        for section, values in change.items():
            content[section] = {**content[section], **values}
        self.config.write_text(yaml.safe_dump(content), "utf-8")
        self.service.spawn(
            {
                "ALERTMANAGER_TOKEN": INGEST, "RESPONDER_TOKEN": RESPOND, "ADMIN_TOKEN": ADMIN,
                "PAGERDUTY_URL": self.site.url, "PAGERDUTY_WEBHOOK_SECRET": PAGER_SECRET,
                "SLACK_URL": f"{self.site.url}/api", "SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_SIGNING_SECRET": SLACK_SECRET,
            }
        )  # fmt: skip
        await until(self._ready, "a service that is ready")

    async def _ready(self) -> bool:
        assert self.service.alive, self.log
        try:
            return (await self.ask("GET", "/readyz"))[0] == 200
        except (aiohttp.ClientError, OSError):
            return False

    async def close(self) -> None:
        """Stop it, even if the test failed."""
        self.service.end()
        await self.site.stop()

    @property
    def log(self) -> str:
        """Its log so far."""
        return self.service.log.read_text(errors="replace")

    @property
    def connections(self) -> int:
        """The number of established connections of its main listener."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(row[1].endswith(f":{self.port:04X}") and row[3] == "01" for row in rows)

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return its log lines of that event."""
        found = [json.loads(line) for line in self.log.splitlines() if f'"{event}"' in line]
        return [line for line in found if line["event"] == event]

    async def ask(
        self, method: str, path: str, *, token: str = "", body: Any = None, within: float = 10.0,
        headers: dict[str, str] | None = None, status_page: bool = False,
    ) -> tuple[int, bytes]:  # fmt: skip
        """Return status and body of one request on a new connection."""
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        if isinstance(body, dict | list):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        url = self.status_url if status_page else self.url
        timeout = aiohttp.ClientTimeout(total=within)
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.request(method, f"{url}{path}", data=body, headers={**sent, **(headers or {})}) as answer,
        ):
            return answer.status, await answer.read()

    async def post_webhook(self, body: bytes | None = None, *, within: float = 10.0) -> tuple[int, bytes]:
        """Post a notification as Alertmanager does; without `body`, about a new group."""
        self._sent += 1
        body = body or notification(alert(f"Genuine{self._sent}"), group=f"genuine-{self._sent}")
        kind = {"Content-Type": "application/json"}
        return await self.ask("POST", "/webhooks/alertmanager", token=INGEST, body=body, headers=kind, within=within)

    async def click(self, payload: Any) -> tuple[int, bytes]:
        """Send an interaction as Slack does."""
        raw = urlencode({"payload": json.dumps(payload)}).encode()
        return await self.ask("POST", "/slack/interactions", body=raw, headers=sign_slack(raw))

    async def type_command(self, text: str = "list", *, within: float = 10.0) -> tuple[int, bytes]:
        """Send a slash command as Slack does."""
        fields = {
            "team_id": "T0ACME", "channel_id": "C0GENERAL", "user_id": "U0ALICE", "user_name": "alice",
            "command": "/incident", "text": text, "api_app_id": "A0APP", "trigger_id": "1.2.3",
            "response_url": "https://hooks.slack.com/x",
        }  # fmt: skip
        raw = urlencode(fields).encode()
        return await self.ask("POST", "/slack/commands", body=raw, headers=sign_slack(raw), within=within)

    async def send_pager_event(self, *, within: float = 10.0, **change: Any) -> tuple[int, bytes]:
        """Send a webhook as PagerDuty does; `change` has fields of the event to change."""
        self._sent += 1
        data = {"id": "PGR0VU2", "type": "incident", "incident_key": "", "title": "", "assignees": []}
        event = {
            "id": f"e{self._sent}", "event_type": "incident.acknowledged", "resource_type": "incident",
            "occurred_at": "2026-11-23T14:04:02.118Z", "agent": None, "client": None, "data": data, **change,
        }  # fmt: skip
        raw = json.dumps({"event": event}).encode()
        signature = "v1=" + hmac.new(PAGER_SECRET.encode(), raw, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-PagerDuty-Signature": signature}
        return await self.ask("POST", "/webhooks/pagerduty", body=raw, headers=headers, within=within)


def sign_slack(raw: bytes, *, late: float = 0.0) -> dict[str, str]:
    """Return the headers of a form that Slack signed `late` seconds ago."""
    stamp = str(int(time.time() - late))
    digest = hmac.new(SLACK_SECRET.encode(), f"v0:{stamp}:".encode() + raw, hashlib.sha256).hexdigest()
    return {
        "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}",
        "Content-Type": "application/x-www-form-urlencoded",
    }  # fmt: skip


class Callers:
    """Legitimate callers during an attack: each round posts a webhook and queries both listeners on new connections."""

    WEBHOOK, PROBE = 2.0, 1.0
    """Seconds within which each request must be answered."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.looks = 0
        self.failures: list[str] = []

    async def look(self) -> None:
        """Make one request of each kind, and record wrong or late responses."""
        target = self.target
        await asyncio.gather(
            self._timed("webhook", target.post_webhook(within=2 * self.WEBHOOK), self.WEBHOOK),
            self._timed("healthz", target.ask("GET", "/healthz", within=2 * self.WEBHOOK), self.PROBE),
            self._timed("status", target.ask("GET", "/status", within=2 * self.WEBHOOK, status_page=True), self.PROBE),
        )
        self.looks += 1

    async def watch(self, seconds: float) -> None:
        """Repeat this for that time, and raise AssertionError with all failures."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self.look()
            await asyncio.sleep(0.3)
        assert self.failures == [], f"{self.looks} rounds: {self.failures}"

    async def _timed(self, name: str, asking: Any, limit: float) -> None:
        began = time.monotonic()
        try:
            status, body = await asking
            said = "" if status == 200 else f"{status} {body[:100]!r}"
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            said = type(error).__name__
        took = time.monotonic() - began
        if said or took > limit:
            self.failures.append(f"{name}: {said or 'answered'} after {took:.2f} s")
