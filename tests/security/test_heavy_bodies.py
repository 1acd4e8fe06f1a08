"""V11 and V12: input that is expensive to read, to try or to render blocks neither the loop nor exhausts memory."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from pathlib import Path

from tests.security.target import ADMIN, INGEST, RESPOND, Callers, Target
from tests.stories.world import notification

GZIP = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
MIB = 1024 * 1024
HTML = {"Accept": "text/html"}
MARKDOWN = {
    "images": "![" * 50_000,
    "brackets": "[" * 100_000,
    "lines of brackets": "[\n" * 50_000,
    "a wide table": "|a" * 5000 + "|\n" + "|-" * 5000 + "|\n" + "|b" * 5000 + "|\n",
    "a table of empty rows": "|a" * 90 + "|\n" + "|-" * 90 + "|\n" + "|\n" * 49_000,
    "emphasis": "*a **b " * 14_000,
    "quotations": ">" * 99_000,
    "code": "`" * 50_000 + " " + "`" * 49_000,
}


def bulky(size: int, alerts: int = 250) -> bytes:
    """Return a compressed notification of `alerts` without fingerprints, with `size` bytes when decompressed."""
    labels = {f"l{number}": "x" * 3900 for number in range(max(1, size // alerts // 4000))}
    made = [
        {"status": "firing", "labels": {"alertname": "Bulk", "n": str(n), **labels}, "startsAt": "2026-11-23T14:02:11Z"}
        for n in range(alerts)
    ]
    return gzip.compress(notification(*made, group="bulk"), 6)


def memory(target: Target) -> int:
    """Return the resident memory of the service in bytes."""
    status = Path(f"/proc/{target.service.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


async def test_bombs_for_the_dry_run_are_refused(target: Target) -> None:
    await target.post_webhook()
    before, bomb = memory(target), bulky(29 * MIB)
    assert len(bomb) < 200_000
    asking = [
        target.ask("POST", "/api/v1/simulate", token=RESPOND, body=bomb, headers=GZIP, within=60) for _ in range(8)
    ]
    answers = asyncio.gather(*asking)
    await Callers(target).watch(3)
    assert {status for status, _ in await answers} == {413}
    assert memory(target) - before < 100 * MIB


async def test_large_dry_runs_take_turns(target: Target) -> None:
    await target.post_webhook()
    before, large = memory(target), bulky(2 * MIB - 100_000)
    asking = [
        target.ask("POST", "/api/v1/simulate", token=RESPOND, body=large, headers=GZIP, within=60) for _ in range(12)
    ]
    answers = asyncio.gather(*asking)
    await Callers(target).watch(3)
    statuses = [status for status, _ in await answers]
    assert set(statuses) <= {200, 503}
    assert 200 in statuses
    assert memory(target) - before < 150 * MIB


async def test_a_bulky_notification_without_fingerprints_holds_up_nobody(target: Target) -> None:
    asking = target.ask("POST", "/webhooks/alertmanager", token=INGEST, body=bulky(29 * MIB), headers=GZIP, within=2)
    answer = asyncio.create_task(asking)
    await Callers(target).watch(2)
    # 250 fingerprints of 116 KB each, byte by byte, took 3 to 5 s.
    assert (await answer)[0] in (200, 503)


async def test_markdown_that_takes_long_blocks_nobody(target: Target) -> None:
    await target.post_webhook()
    path = "/api/v1/incidents/INC-2026-0001/postmortem"
    for name, text in MARKDOWN.items():
        status, said = await target.ask("PUT", path, token=ADMIN, body={"markdown": text[:99_999]})
        assert status == 200, (name, said)
        asking = [target.ask("GET", path, token=RESPOND, headers=HTML, within=30) for _ in range(3)]
        answers = asyncio.gather(*asking)
        await Callers(target).watch(0.8)
        pages = await answers
        assert {status for status, _ in pages} == {200}, name
        # The chart of an open incident ends at the moment of each request.
        assert len({re.sub(rb"<svg.*?</svg>", b"", body, flags=re.DOTALL) for _, body in pages}) == 1, name


async def test_a_table_of_usual_width_is_one(target: Target) -> None:
    await target.post_webhook()
    path = "/api/v1/incidents/INC-2026-0001/postmortem"
    text = "| a | b |\n|---|---|\n| 1 | 2 |\n\n[a link](https://example.com/x)\n"
    await target.ask("PUT", path, token=ADMIN, body={"markdown": text})
    page = (await target.ask("GET", path, token=RESPOND, headers=HTML))[1].decode()
    assert "<table>" in page
    assert '<a href="https://example.com/x">' in page
    assert json.loads((await target.ask("GET", path, token=RESPOND))[1])["markdown"] == text
