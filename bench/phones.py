"""`python -m bench --phones`: how long a page takes to a phone and back, through a fake ntfy server.

One incident after another: Alertmanager's notification is posted, the phone receives the page on its web socket and
posts the button's answer at once, and the incident is read until it is acknowledged and its escalation has stopped.
Service, store and ntfy server are separate processes on the loopback, so the figures cover only the software.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from bench.servers import Server

COUNT = 100
GOALS = {"accepted to received p99": 1.0, "answered to acknowledged p99": 1.0}
"""Seconds. The store syncs each write, and the loop looks for due work four times a second."""
TOPIC, TOKEN = "ann-7f3k9qxw2m4d8r", "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2"
INGEST = "bench-phones-5c1e8a40d7b94f2e9a3b6d0c2f417e88"
CONFIG = """
auth: {{tokens: [{{name: bench, token: {token}, scopes: [ingest, read]}}]}}
severity_rules: severity-rules.yaml
ingest: {{storm: {{incidents: 1000000, within: 1m}}}}
severities:
  SEV-1: {{title: Critical, respond_within: 15m, page: [on-call], escalation: later}}
  SEV-2: {{title: Major, respond_within: 15m, page: [on-call], escalation: later}}
  SEV-3: {{title: Minor, respond_within: 1h, page: [on-call], escalation: later}}
  SEV-4: {{title: Low, respond_within: 4h, page: [on-call], escalation: later}}
escalations: {{later: {{until: acknowledged, steps: [{{after: 5m, page: [lead]}}]}}}}
contacts: {{on-call: {{person: ann}}, lead: {{person: bob}}}}
people: {{ann: {{name: Ann, push: {topic}}}, bob: {{name: Bob, push: bob-w8c1v5n0t6y2z}}}}
channels: {{push: {{kind: ntfy, url: "{ntfy}", token: {push_token}}}}}
"""


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value below which that fraction of `values` is."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def notification(number: int) -> bytes:
    """Return what Alertmanager posts about one alert."""
    labels = {"alertname": f"Bench{number}", "service": "api", "severity": "critical"}
    alert = {
        "status": "firing", "labels": labels, "annotations": {}, "startsAt": "2026-11-23T14:02:11Z",
        "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": f"{number:016x}",
    }  # fmt: skip
    return json.dumps({
        "version": "4", "groupKey": f"bench-{number}", "receiver": "incidents", "status": "firing",
        "groupLabels": {"alertname": f"Bench{number}"}, "commonLabels": labels, "commonAnnotations": {},
        "externalURL": "", "truncatedAlerts": 0, "alerts": [alert],
    }).encode()  # fmt: skip


class Telephone:
    """Follows a topic like the app, and records when each page arrived."""

    def __init__(self) -> None:
        """Create it before the first page."""
        self.heard: asyncio.Queue[tuple[float, dict[str, Any]]] = asyncio.Queue()
        self.ready = asyncio.Event()

    async def follow(self, server: str) -> None:
        """Read the web socket until canceled."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.ws_connect(f"{server}/{TOPIC}/ws") as socket,
        ):
            async for message in socket:
                said = json.loads(message.data)
                if said["event"] == "message":
                    self.heard.put_nowait((time.monotonic(), said))
                self.ready.set()


async def one(client: aiohttp.ClientSession, service: str, phone: Telephone, number: int) -> dict[str, float]:
    """Return the seconds of one page: accepted, received, and acknowledged with its escalation stopped."""
    began = time.monotonic()
    async with client.post(f"{service}/webhooks/alertmanager", data=notification(number)) as answer:
        incident = (await answer.json())["incident"]
    accepted = time.monotonic()
    received, page = await asyncio.wait_for(phone.heard.get(), 30)
    button = page["actions"][0]
    async with client.post(button["url"], data=button["body"], headers={"Authorization": ""}) as tapped:
        tapped.raise_for_status()
    answered = time.monotonic()
    while True:
        async with client.get(f"{service}/api/v1/incidents/{incident}") as shown:
            stands = await shown.json()
        if stands["state"] == "acknowledged" and not stands["escalation"]["running"]:
            break
        if time.monotonic() - answered > 30:
            raise SystemExit(f"{incident} was not acknowledged within 30 s")
        await asyncio.sleep(0.005)
    stopped = time.monotonic()
    return {
        "posted to accepted": accepted - began,
        "accepted to received": max(0.0, received - accepted),
        "answered to acknowledged": stopped - answered,
        "posted to escalation stopped": stopped - began,
    }


async def main(checkout: Path) -> dict[str, float]:
    """Print p50 and p99 of each part, and return them."""
    with tempfile.TemporaryDirectory() as made:
        folder, port_file = Path(made), Path(made) / "ntfy-port"
        command = [sys.executable, "-m", "tests.fakes.ntfy", "--port-file", str(port_file)]
        ntfy = Server(command, folder, checkout)
        while not port_file.exists():  # noqa: ASYNC110  (the process tells nobody)
            await asyncio.sleep(0.02)
        url = f"http://127.0.0.1:{port_file.read_text('ascii')}"
        (folder / "severity-rules.yaml").write_text((checkout / "config" / "severity-rules.yaml").read_text())
        config = CONFIG.format(token=INGEST, push_token=TOKEN, ntfy=url, topic=TOPIC)
        (folder / "receiver.yaml").write_text(config)
        line = ["-m", "receiver.cli", "serve", "--config", "receiver.yaml", "--listen", "127.0.0.1:{port}"]
        service = Server([sys.executable, *line], folder, checkout)
        try:
            return await _measure(service, url)
        finally:
            service.end()
            ntfy.end()


async def _measure(service: Server, ntfy: str) -> dict[str, float]:
    phone, found = Telephone(), []
    following = asyncio.create_task(phone.follow(ntfy))
    headers = {"Authorization": f"Bearer {INGEST}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as client:
        await service.ready(client, "/readyz")
        await phone.ready.wait()
        await asyncio.sleep(2.5)  # the service follows the reply topic
        for number in range(COUNT):
            found.append(await one(client, service.url, phone, number))
    following.cancel()
    figures: dict[str, float] = {}
    print(f"{f'{COUNT} pages to a telephone, and answers, ms':44} {'p50':>8} {'p99':>8}")
    for name in found[0]:
        values = [times[name] for times in found]
        figures |= {f"{name} p50": quantile(values, 0.5), f"{name} p99": quantile(values, 0.99)}
        print(f"{name:44} {figures[f'{name} p50'] * 1000:8.1f} {figures[f'{name} p99'] * 1000:8.1f}")
    return figures


def met(figures: Mapping[str, float]) -> bool:
    """Return whether every goal is met."""
    return all(figures[name] <= most for name, most in GOALS.items())
