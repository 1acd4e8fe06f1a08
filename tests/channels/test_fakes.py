"""The fakes check requests as the vendor would, and can run as a separate process."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from receiver.channels.http_client import Http
from tests.channels.notices import ROUTING_KEY
from tests.fakes import FakePagerDuty, FakeSlack, Site
from tests.fakes.pagerduty import mistakes
from tests.fakes.slack import TOKEN

ROOT = Path(__file__).parents[2]
TRIGGER: dict[str, Any] = {
    "routing_key": ROUTING_KEY,
    "event_action": "trigger",
    "dedup_key": "k",
    "payload": {"summary": "s", "source": "x", "severity": "critical"},
}


@pytest.mark.parametrize(
    "changes",
    [
        {"routing_key": "short"},
        {"event_action": "page"},
        {"dedup_key": "k" * 256},
        {"payload": None},
        {"payload": {**TRIGGER["payload"], "summary": "s" * 1025}},
        {"payload": {**TRIGGER["payload"], "source": ""}},
        {"payload": {**TRIGGER["payload"], "severity": "SEV-1"}},
        {"payload": {**TRIGGER["payload"], "timestamp": "yesterday"}},
        {"links": [{"href": "javascript:alert(1)"}]},
    ],
)
async def test_pagerduty_refuses(changes: dict[str, Any], http: Http) -> None:
    assert mistakes(TRIGGER, 100) == []
    site = Site(FakePagerDuty())
    await site.start()
    reply = await http.post_json(f"{site.url}/v2/enqueue", {**TRIGGER, **changes})
    assert (reply.status, reply.json["status"]) == (400, "invalid event")
    assert site.vendors[0].taken == []
    await site.stop()


async def test_slack_refuses_and_what_nobody_knows_is_a_mistake(http: Http) -> None:
    site = Site(FakeSlack())
    await site.start()
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    cases = [
        ({}, {"channel": "#incidents", "text": "x"}, "not_authed"),
        ({"Authorization": "Bearer x"}, {"channel": "#incidents", "text": "x"}, "invalid_auth"),
        (bearer, {"channel": "#nowhere", "text": "x"}, "channel_not_found"),
        (bearer, {"channel": "#incidents"}, "no_text"),
        (bearer, {"channel": "#incidents", "text": "x" * 5000}, "msg_too_long"),
        (bearer, {"channel": "#incidents", "blocks": [{"type": "section"}]}, "invalid_blocks"),
    ]
    for headers, body, code in cases:
        reply = await http.post_json(f"{site.url}/api/chat.postMessage", body, headers)
        assert (reply.status, reply.json["error"]) == (200, code)
    assert site.mistakes() == []
    await http.post_json(f"{site.url}/api/chat.shout", {}, bearer)
    await http.get(f"{site.url}/nowhere")
    assert site.mistakes() == ["unexpected GET /nowhere", "slack: unknown method chat.shout"]
    await site.stop()


async def test_as_a_process(tmp_path: Path, http: Http) -> None:
    ledger, port_file = tmp_path / "ledger.jsonl", tmp_path / "port"
    command = ["-m", "tests.fakes", "--ledger", str(ledger), "--port-file", str(port_file)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, stdout=pipe)
    try:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(await process.stdout.readline())}"
        assert url.endswith(f":{port_file.read_text()}")
        assert (await http.post_json(f"{url}/v2/enqueue", TRIGGER)).status == 202
        assert (await http.post_json(f"{url}/_script/pagerduty", [{"status": 503}])).json == {"waiting": 1}
        assert (await http.post_json(f"{url}/v2/enqueue", TRIGGER)).status == 503
        entries = [json.loads(line) for line in ledger.read_text().splitlines()]
        assert [(entry["taken"], entry["answer"]) for entry in entries] == [(True, 202), (False, 503)]
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0
