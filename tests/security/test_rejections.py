"""V6 and V7: requests that the HTTP parser rejects are answered and logged, without their content."""

from __future__ import annotations

import asyncio
import json

from tests.faults.waiting import until
from tests.security.target import ADMIN, Target

HOST = b"Host: receiver\r\n"
MALFORMED = {
    "a token with a carriage return": b"GET /api/v1/incidents HTTP/1.1\r\n" + HOST
    + f"Authorization: Bearer {ADMIN}\r\r\n\r\n".encode(),
    "a token with a control character": b"GET /api/v1/incidents HTTP/1.1\r\n" + HOST
    + f"Authorization: Bearer {ADMIN}\x01\r\n\r\n".encode(),
    "a path that is too long": f"GET /?token={ADMIN}&x={'x' * 9000} HTTP/1.1\r\n".encode() + HOST + b"\r\n",
    "a header that is too long": b"GET / HTTP/1.1\r\n" + HOST + f"X: {ADMIN}{'x' * 9000}\r\n\r\n".encode(),
    "no method": f"{ADMIN}\r\n\r\n".encode(),
    "two lengths": b"POST /webhooks/alertmanager HTTP/1.1\r\n" + HOST
    + f"Authorization: Bearer {ADMIN}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".encode(),
    "a header without a colon": b"GET / HTTP/1.1\r\n" + HOST + f"{ADMIN}\r\n\r\n".encode(),
}  # fmt: skip


async def send(target: Target, raw: bytes) -> bytes:
    """Return the response until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    try:
        writer.write(raw)
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


async def test_a_malformed_request_is_a_problem_document_and_one_line_without_secrets(target: Target) -> None:
    for name, raw in MALFORMED.items():
        head, _, body = (await send(target, raw)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 Bad Request"), (name, head)
        assert b"Content-Type: application/problem+json" in head, (name, head)
        assert b"server:" not in head.lower(), (name, head)
        said = json.loads(body)
        assert set(said) == {"type", "title", "status", "detail"}, name
    await until(lambda: len(target.lines("request_rejected")) >= len(MALFORMED), "the log lines")
    rejected = target.lines("request_rejected")
    assert len(rejected) == len(MALFORMED)
    assert {one["level"] for one in rejected} == {"warning"}
    assert {one["peer"] for one in rejected} == {"127.0.0.1"}
    assert {"bad_request", "too_long", "bad_request_line"} <= {one["reason"] for one in rejected}
    assert ADMIN not in target.log
    assert "Traceback" not in target.log
    assert "aiohttp" not in target.log
    assert (await target.ask("GET", "/healthz"))[0] == 200


async def test_a_thousand_malformed_requests_are_a_few_lines(target: Target) -> None:
    before = len(target.log)
    raw = MALFORMED["a header that is too long"]
    for _ in range(10):
        await asyncio.gather(*(send(target, raw) for _ in range(50)))
    await until(lambda: len(target.lines("request_rejected")) >= 10, "the log lines")
    assert len(target.lines("request_rejected")) == 10
    assert len(target.log) - before < 10_000
    _, metrics = await target.ask("GET", "/metrics", headers={"Accept-Encoding": "identity"})
    (counted,) = [
        line for line in metrics.decode().splitlines() if line.startswith("receiver_requests_rejected_total{")
    ]
    assert float(counted.rpartition(" ")[2]) == 500
