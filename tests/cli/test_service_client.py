"""Commands that talk to a running service, against the real HTTP server."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import timedelta

from tests.web.conftest import House


async def receiver(house: House, token: str, *words: str) -> tuple[int, str, str]:
    """Run a command in a separate process; return exit code, stdout and stderr."""
    env = {**os.environ, "RECEIVER_URL": str(house.client.make_url("")), "RECEIVER_TOKEN": token}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "receiver.cli", *words,
        env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_an_alert_is_sent_seen_and_resolved(house: House) -> None:
    sent = (
        "send-alert",
        "--alertname",
        "ApiDown",
        "--label",
        "service=api",
        "--annotation",
        "summary=no answer\x1b[2J",
    )
    starts = ("--starts-at", "2026-11-23T14:02:11Z")
    assert await receiver(house, "am-token", *sent, *starts) == (0, "opened: INC-2026-0001 SEV-1\n", "")
    assert (await receiver(house, "am-token", *sent, *starts))[1] == "duplicate: INC-2026-0001 SEV-1\n"
    code, out, _ = await receiver(house, "respond-token", "incident", "list", "--open")
    assert code == 0
    assert out.split("\t")[:3] == ["INC-2026-0001", "SEV-1", "open"]
    assert out.count("\n") == 1
    assert "\x1b" not in out
    ended = (await receiver(house, "am-token", *sent, "--resolve"))[1]
    until = (house.world.clock.now() + timedelta(minutes=15)).strftime("%H:%M")
    assert ended == f"INC-2026-0001: the alert has ended; monitoring until {until} UTC\n"
    code, out, _ = await receiver(house, "respond-token", "incident", "show", "INC-2026-0001", "--receipts")
    assert code == 0
    for said in ("SEV-1", "monitoring", "outage", "alice", "opened"):
        assert said in out
    receipts = [line for line in out.splitlines() if line.startswith("receipt")]
    (key,) = [one for one in house.world.sent() if "/alice/" in one]
    assert any(f"pager trigger to alice delivered, id {key}" in line for line in receipts), receipts
    assert "\x1b" not in out
    code, out, _ = await receiver(house, "respond-token", "incident", "show", "INC-2026-0001", "--format", "json")
    assert json.loads(out)["state"] == "monitoring"


async def test_no_is_1_and_says_why_without_the_token(house: House) -> None:
    for token, words in (
        ("am-token", ("incident", "list")),
        ("wrong-token", ("incident", "list")),
        ("respond-token", ("incident", "show", "INC-2026-9999")),
        ("respond-token", ("send-alert",)),
    ):
        code, out, err = await receiver(house, token, *words)
        assert (code, out) == (1, "")
        assert err
        assert token not in err
    assert "does not have the scope ingest (it has: read, respond) (the token comes from RECEIVER_TOKEN" in err
