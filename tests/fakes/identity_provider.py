"""A real OpenID provider (npm: oidc-provider) behind a proxy that can change one request or response."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
from aiohttp import web

from tests.faults.programs import Program, free_port

FOLDER = Path(__file__).parent / "oidc_provider"
CLIENT, SECRET = "receiver", "a-secret-of-the-client"
Change = Callable[[str, bytes], bytes]
"""Receives the path of a request and the body of the response; returns the body to pass on."""
ALICE = {"name": "Alice Example", "email": "alice@example.com", "email_verified": True, "groups": ["sre", "all"]}


def same(path: str, body: bytes) -> bytes:
    return body


class IdentityProvider:
    """The provider at `issuer`, which services and browsers reach through the proxy."""

    def __init__(self, issuer: str, inside: str) -> None:
        self.issuer = issuer
        self.inside = inside
        self.change: Change = same
        self.query: Callable[[str], str] = lambda query: query
        """Changes the query of an authorization request."""
        self.down = False
        self.asked: list[str] = []
        """The paths of the requests."""
        self.client = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False)

    async def set(self, **what: Any) -> None:
        """Set `people`, `client`, or `rotate` the keys."""
        async with self.client.post(f"{self.inside}/control", json=what) as answer:
            assert answer.status == 200

    async def register(self, back: str, after: str) -> None:
        """Register `back` as the redirect address after sign-in, and `after` as the one after sign-out."""
        await self.set(client={"redirect_uris": [back], "post_logout_redirect_uris": [after]})

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if self.down:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        query = self.query(request.query_string) if request.path == "/auth" else request.query_string
        headers = {name: value for name, value in request.headers.items() if name not in ("Accept-Encoding", "Host")}
        async with self.client.request(
            request.method, f"{self.inside}{request.path}{'?' if query else ''}{query}",
            headers={**headers, "Host": self.issuer.partition("://")[2]}, data=await request.read(),
            allow_redirects=False,
        ) as answer:  # fmt: skip
            body = self.change(request.path, await answer.read())
            passed = web.Response(body=body, status=answer.status)
            for name, value in answer.headers.items():
                if name not in ("Content-Length", "Transfer-Encoding", "Date", "Connection", "Content-Type"):
                    passed.headers.add(name, value)
            passed.headers["Content-Type"] = answer.headers.get("Content-Type", "text/plain")
            return passed


@contextmanager
def provider_process(folder: Path) -> Iterator[str]:
    """Yield the address of a running provider without its proxy; afterwards stop it by its process id."""
    node = shutil.which("node")
    assert node, "node is missing: `make tools` installs it"
    assert (FOLDER / "node_modules" / "oidc-provider").is_dir(), "`make tools` installs the provider (npm ci)"
    port = free_port()
    program = Program([node, str(FOLDER / "server.mjs"), str(port)], folder / "provider.log")
    program.spawn({"PATH": os.environ["PATH"]})
    try:
        ends = time.monotonic() + 60
        while "listening" not in (program.log.read_text() if program.log.exists() else ""):
            assert program.alive and time.monotonic() < ends, program.log.read_text()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        program.end()


@asynccontextmanager
async def identity_provider(inside: str) -> AsyncIterator[IdentityProvider]:
    """Yield the provider at `inside` behind its own proxy, with new keys and Alice as the only user."""
    outside = free_port()
    provider = IdentityProvider(f"http://127.0.0.1:{outside}", inside)
    app = web.Application(client_max_size=1 << 20)
    app.router.add_route("*", "/{path:.*}", provider.pass_on)
    runner = web.AppRunner(app)
    try:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", outside).start()
        await provider.set(issuer=provider.issuer, people={"alice": ALICE}, rotate="alone")
        yield provider
    finally:
        await provider.client.close()
        await runner.cleanup()


class Browser:
    """Follows redirects and stores cookies like a browser."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.client = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.url = ""

    async def open(self, url: str, stop: str = "", **form: str) -> tuple[int, str]:
        """Open a page, or submit a form to it; return the final page. Stops before an address that contains `stop`."""
        self.url, data = urljoin(self.home, url), form or None
        for _ in range(12):
            if stop and stop in self.url:
                return 0, self.url
            method = "POST" if data else "GET"
            async with self.client.request(
                method, self.url, data=data, headers={"Accept": "text/html"}, allow_redirects=False
            ) as answer:
                text = await answer.text()
                onward = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', text)
                to = answer.headers.get("Location") or (unescape(onward[1]) if onward else None)
                if to is None:
                    return answer.status, text
                self.url, data = urljoin(self.url, to), None
        raise AssertionError(f"too many redirects, last to {self.url}")

    async def sign_in(self, who: str = "alice", to: str = "/", stop: str = "") -> tuple[int, str]:
        """Sign in with the provider's form; return the final page."""
        status, page = await self.open(f"/login/oidc?next={to}", stop=stop)
        form = re.search(r'action="([^"]+)"', page)
        if status != 200 or form is None or "/interaction/" not in form[1]:
            return status, page
        return await self.open(unescape(form[1]), stop=stop, prompt="login", login=who, password="x")
