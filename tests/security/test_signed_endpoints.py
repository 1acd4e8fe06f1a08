"""V8 and V19: strangers with unfinished requests block neither Slack nor PagerDuty."""

from __future__ import annotations

import asyncio
import json
import time
from urllib.parse import urlencode

import pytest

from tests.security.attacks import connected
from tests.security.target import Callers, Target, sign_slack

HALF = 64


def begun(path: str, *headers: str) -> bytes:
    """Return a request with an incomplete body of 100 bytes."""
    head = [f"POST {path} HTTP/1.1", "Host: receiver", "Content-Length: 100", *headers, "", ""]
    return "\r\n".join(head).encode() + b"x"


async def test_half_open_requests_of_strangers_do_not_hold_up_slack(target: Target) -> None:
    headers = sign_slack(b"something else")
    first = begun("/slack/commands", *(f"{name}: {value}" for name, value in headers.items()))
    end, callers = time.monotonic() + 4, Callers(target)
    while time.monotonic() < end:
        async with connected(target.port, HALF, first):
            await asyncio.sleep(0.3)
            status, said = await target.type_command(within=2)
            assert (status, b"blocks" in said) == (200, True), said
            await callers.look()
    assert callers.failures == []


async def test_half_open_requests_of_strangers_do_not_hold_up_pagerduty(target: Target) -> None:
    first = begun("/webhooks/pagerduty", "Content-Type: application/json", f"X-PagerDuty-Signature: v1={'a' * 64}")
    end = time.monotonic() + 4
    while time.monotonic() < end:
        async with connected(target.port, HALF, first):
            await asyncio.sleep(0.3)
            status, said = await target.send_pager_event(within=2)
            assert status == 202, said


async def answer_to(target: Target, raw: bytes, within: float) -> bytes:
    """Return the beginning of the response to this request. Raises TimeoutError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    try:
        writer.write(raw)
        return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), within)
    finally:
        writer.close()


async def test_what_cannot_be_signed_is_refused_before_its_body_is_read(target: Target) -> None:
    old = sign_slack(b"", late=400)
    for headers, status in (
        (old, b"401"),
        ({**sign_slack(b""), "X-Slack-Signature": "v0=short"}, b"401"),
        ({**sign_slack(b""), "X-Slack-Request-Timestamp": "1"}, b"401"),
    ):
        raw = begun("/slack/commands", *(f"{name}: {value}" for name, value in headers.items()))
        assert status in (await answer_to(target, raw, 1.5)).partition(b"\r\n")[0]
    raw = begun("/webhooks/pagerduty", "X-PagerDuty-Signature: v1=short")
    assert b"403" in (await answer_to(target, raw, 1.5)).partition(b"\r\n")[0]


async def test_a_body_that_is_held_back_is_given_up_soon(target: Target) -> None:
    raw = begun("/slack/commands", *(f"{name}: {value}" for name, value in sign_slack(b"").items()))
    began = time.monotonic()
    assert b"408" in (await answer_to(target, raw, 8)).partition(b"\r\n")[0]
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("path", ["/slack/commands", "/slack/interactions"])
async def test_a_signed_form_of_too_many_fields_is_refused(target: Target, path: str) -> None:
    raw = urlencode({f"f{number}": "x" for number in range(101)}).encode()
    status, said = await target.ask("POST", path, body=raw, headers=sign_slack(raw))
    assert (status, json.loads(said)["status"]) == (400, 400)
