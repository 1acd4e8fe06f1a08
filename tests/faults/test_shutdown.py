"""SIGTERM under load: accepted connections get a response, and notifications answered with 2xx are stored."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.sender import TOKEN, Probe
from tests.faults.stage import Stage, stage
from tests.faults.waiting import say, until

WORKERS, BEFORE = 12, 60
END_LIMIT = 20.0
REFUSED = "refused"


async def post(made: Stage, probe: Probe) -> tuple[int, int | str]:
    """Post on a separate connection; return its local port (0: refused), and the status or the error."""
    body = probe.body()
    port = int(made.services[0].url.rpartition(":")[2])
    entry = {"probe": probe.name, "firing": True, "pages": probe.pages, "at": time.time(), "status": None, "said": None}
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        # Refused, or reset because the listener closed before the connection left the queue: it was not accepted.
        await asyncio.sleep(0)
        return 0, REFUSED
    local: int = writer.get_extra_info("sockname")[1]
    head = [
        *("POST /webhooks/alertmanager HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {TOKEN}"),
        *("Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close", "", ""),
    ]
    try:
        writer.write("\r\n".join(head).encode() + body)
        answer = await reader.read()
        if not answer:
            return local, "closed without an answer"
        entry["status"] = int(answer.split(b" ", 2)[1])
        entry["said"] = json.loads(answer.partition(b"\r\n\r\n")[2])
        return local, int(answer.split(b" ", 2)[1])
    except OSError as error:
        return local, type(error).__name__
    finally:
        entry["answered"] = time.time()
        made.sender.entries.append(entry)
        writer.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_answers_what_it_let_in_and_keeps_what_it_took(tmp_path: Path, number: signal.Signals) -> None:
    async with stage(tmp_path / "run", start=False) as made:
        service, ended = made.services[0], asyncio.Event()
        let_in = tmp_path / "let-in"
        service.env["LET_IN"] = str(let_in)
        await made.start()
        results: list[tuple[int, int | str]] = []

        async def worker() -> None:
            while not ended.is_set():
                results.append(await post(made, made.sender.probe()))

        working = [asyncio.create_task(worker()) for _ in range(WORKERS)]
        try:
            await until(lambda: sum(result == 200 for _, result in results) >= BEFORE, "some load")
            service.signal(number)
            made.note("service 0", up=False)
            assert await service.ended(END_LIMIT) == 0
        finally:
            ended.set()
            await asyncio.gather(*working)
        say(f"a stop under load: {dict(Counter(result for _, result in results))}")
        taken_in = {int(line) for line in let_in.read_text("ascii").split()}
        # A connection in the kernel's queue when the listener closed was never accepted; its sender retries.
        assert {result for port, result in results if port in taken_in} <= {200, 503}
        assert REFUSED in {result for _, result in results}
        del service.env["LET_IN"]
        await made.start()
        for incident in {entry["said"]["incident"] for entry in made.sender.entries if entry["status"] == 200}:
            await made.get(f"/api/v1/incidents/{incident}")
        await made.settled()
