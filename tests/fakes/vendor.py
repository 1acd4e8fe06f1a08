"""The common parts of all fake vendors: a port, scripted failures, and a ledger."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, Literal

from aiohttp import web

TOO_FAST = "429"
SECRET_HEADERS = frozenset({"authorization", "cookie"})


@dataclass(frozen=True)
class Answer:
    """One scripted failure. If only `status` is set, the response has that status and `body`.

    `taken`: whether the vendor acts on the request anyway (a lost response, or a 5xx after the action).
    """

    status: int = 200
    body: str | dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    taken: bool = False
    hang: bool = False
    delay: float = 0
    reset: Literal["before", "after"] | None = None
    """Close the connection before the request is accepted, or after it."""
    drip: bool = False
    """Send the status and half of the body, then hang."""


class Ledger:
    """All requests, in order of arrival. With a path, each entry is on disk before the response is sent."""

    def __init__(self, path: Path | None = None) -> None:
        self.entries: list[dict[str, Any]] = []
        self._path = path

    def append(self, entry: dict[str, Any]) -> None:
        self.entries.append(entry)
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
                file.flush()
                os.fsync(file.fileno())

    def of(self, vendor: str, **fields: object) -> list[dict[str, Any]]:
        """Return one vendor's entries with these values."""
        return [
            entry
            for entry in self.entries
            if entry["vendor"] == vendor and all(entry.get(name) == value for name, value in fields.items())
        ]


class Vendor:
    """One fake vendor. A subclass has its paths, and responds to each request from its model of the vendor's state."""

    name = "vendor"

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.failures: list[str] = []
        """Requests that no vendor would accept; a test with one of them fails."""
        self.script: deque[Answer] = deque()
        self.released = asyncio.Event()
        self.clock: Callable[[], float] | None = None
        """If set, the vendor's rate limits apply on this clock."""
        self._calls: dict[str, deque[float]] = defaultdict(deque)
        self._counted: dict[tuple[str, int, float], int] = defaultdict(int)

    @property
    def received(self) -> list[dict[str, Any]]:
        """All requests, including refused ones."""
        return self.ledger.of(self.name)

    @property
    def taken(self) -> list[dict[str, Any]]:
        """The requests that this vendor acted on."""
        return self.ledger.of(self.name, taken=True)

    @property
    def seen(self) -> int:
        """How many notifications people got."""
        raise NotImplementedError

    def routes(self) -> list[web.RouteDef]:
        """Return its paths."""
        raise NotImplementedError

    def act(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, dict[str, Any], list[str]]:
        """Return status, answer, and what is wrong with the request; change the vendor's state if nothing is."""
        raise NotImplementedError

    def check(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, dict[str, Any], list[str]]:
        """Return the same without changing the state."""
        raise NotImplementedError

    def parse(self, raw: bytes) -> Any:
        """Return a request's parsed body; None if it cannot be parsed."""
        return _json(raw)

    def limits(self, request: web.Request, body: Any) -> list[tuple[str, int, float]]:
        """Return the rate limits for a request: the object, the number of requests, and the seconds."""
        return []

    def limited(self) -> dict[str, Any]:
        """Return the response to a request over the limits."""
        return {"error": "too many requests"}

    @property
    def too_fast(self) -> list[dict[str, Any]]:
        """The requests that were answered 429 because they were over the limits."""
        return [entry for entry in self.received if entry["errors"] == [TOO_FAST]]

    def _wait(self, request: web.Request, body: Any) -> float:
        # Seconds until the request would be within the limits; 0: it is within them, and counts.
        if self.clock is None:
            return 0.0
        now, wait, counted = self.clock(), 0.0, []
        for name, most, within in self.limits(request, body):
            calls = self._calls[f"{name} {within}"]
            while calls and calls[0] <= now - within:
                calls.popleft()
            wait = max(wait, calls[0] + within - now) if len(calls) >= most else wait
            counted.append(calls)
            self._counted[name, most, within] += 1
        for calls in () if wait else counted:
            calls.append(now)
        return wait

    @property
    def least_time(self) -> float:
        """The minimum time in seconds in which its limits allow the requests that it got."""
        return max((count / most * within for (_, most, within), count in self._counted.items()), default=0.0)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Respond as scripted, or else as the vendor would."""
        answer = self.script.popleft() if self.script else None
        if answer is not None and answer.reset == "before":
            return self._break(request)
        raw = await request.read()
        body = self.parse(raw)
        acts = answer is None or answer.taken or answer.reset == "after" or (answer.drip and answer.status < 300)
        wait = self._wait(request, body) if answer is None else 0.0
        if wait:
            answer = Answer(429, self.limited(), {"Retry-After": str(ceil(wait))})
        status, content, errors = (self.act if acts and not wait else self.check)(request, body, raw)
        errors = [TOO_FAST] if wait else errors
        self.ledger.append(
            {
                "vendor": self.name,
                "at": self.clock() if self.clock else time.time(),
                "method": request.method,
                "path": request.path,
                "headers": {key: value for key, value in request.headers.items() if key.lower() not in SECRET_HEADERS},
                "query": dict(request.query),
                "body": body,
                "size": len(raw),
                "errors": errors,
                "taken": acts and not errors,
                "answer": status if answer is None else answer.status,
                "scripted": answer is not None,
            }
        )
        return web.json_response(content, status=status) if answer is None else await self._misbehave(request, answer)

    async def _misbehave(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        if answer.reset == "after":
            return self._break(request)
        if answer.hang:
            await self.released.wait()
        if answer.delay:
            await asyncio.sleep(answer.delay)
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body or {})
        if answer.drip:
            response = web.StreamResponse(status=answer.status, headers={**answer.headers, "Content-Length": "4096"})
            await response.prepare(request)
            await response.write(text[: len(text) // 2 + 1].encode())
            await self.released.wait()
            return self._break(request)
        return web.Response(status=answer.status, text=text, headers=answer.headers)

    def _break(self, request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    def fail(self, text: str) -> None:
        """Record a request that is wrong regardless of the vendor's response."""
        self.failures.append(f"{self.name}: {text}")


class Site:
    """Several fakes on one port of the loopback."""

    def __init__(self, *vendors: Vendor, control: bool = False) -> None:
        self.vendors = vendors
        self.failures: list[str] = []
        self.url = ""
        self._control = control
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> str:
        """Listen, and return the base URL."""
        app = web.Application(client_max_size=16 * 1024 * 1024)
        for vendor in self.vendors:
            app.router.add_routes(vendor.routes())
        if self._control:
            app.router.add_post("/_script/{vendor}", self._take_script)
        app.router.add_route("*", "/{path:.*}", self._unexpected)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """Release hanging requests, and close the port."""
        for vendor in self.vendors:
            vendor.released.set()
        if self._runner is not None:
            await self._runner.cleanup()

    def mistakes(self) -> list[str]:
        """Return all invalid requests."""
        return self.failures + [failure for vendor in self.vendors for failure in vendor.failures]

    async def _take_script(self, request: web.Request) -> web.Response:
        vendor = next(vendor for vendor in self.vendors if vendor.name == request.match_info["vendor"])
        answers = [Answer(**answer) for answer in await request.json()]
        if not answers:
            vendor.script.clear()
        vendor.script.extend(answers)
        return web.json_response({"waiting": len(vendor.script)})

    async def _unexpected(self, request: web.Request) -> web.Response:
        self.failures.append(f"unexpected {request.method} {request.path}")
        self.vendors[0].ledger.append(
            {"vendor": "nobody", "at": time.time(), "method": request.method, "path": request.path, "taken": False}
        )
        return web.json_response({"error": "not found"}, status=404)


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None
