"""A real Chromium without a window, driven through its DevTools protocol."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

START_S = 30.0
# What DevTools answers to an expression whose page is replaced while it runs.
PAGE_CHANGED = ("Inspected target navigated or closed", "Execution context was destroyed", "Cannot find context with")


class Browser:
    """One tab."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._loaded: set[str] = set()

    async def _read(self) -> dict[str, Any]:
        said: dict[str, Any] = await self._socket.receive_json(timeout=START_S)
        if said.get("method") == "Page.lifecycleEvent" and said["params"]["name"] == "load":
            self._loaded.add(said["params"]["loaderId"])
        return said

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the result of a command."""
        said = await self._answer(method, **params)
        assert "error" not in said, said
        result: dict[str, Any] = said["result"]
        return result

    async def _answer(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while (said := await self._read()).get("id") != self._number:
            pass
        return said

    async def ask(self, expression: str) -> Any:
        """Return what an expression is in the page; None while the page changes."""
        said = await self._answer("Runtime.evaluate", expression=expression, returnByValue=True, userGesture=True)
        if "error" in said:
            assert said["error"]["message"].startswith(PAGE_CHANGED), said
            return None
        return said["result"]["result"].get("value")

    async def go(self, url: str) -> None:
        """Go to an address, as somebody who types it, and wait until it has loaded."""
        loader = (await self.call("Page.navigate", url=url))["loaderId"]
        while loader not in self._loaded:
            await self._read()

    async def until(self, expression: str) -> None:
        """Wait until an expression holds in the page."""
        async with asyncio.timeout(START_S):
            while not await self.ask(expression):  # noqa: ASYNC110  (a page tells nobody)
                await asyncio.sleep(0.05)

    async def text(self) -> str:
        """Return what a person reads."""
        return str(await self.ask("document.body.innerText"))


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Browser]:
    """Start Chromium with a profile of its own in `folder`."""
    program = shutil.which("chromium")
    assert program is not None, "chromium is missing: `make tools` installs it"
    log = (folder / "chromium.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--remote-debugging-port=0", f"--user-data-dir={folder / 'profile'}", "about:blank",
        stdout=log, stderr=log,
    )  # fmt: skip
    try:
        port = await _port(folder / "profile" / "DevToolsActivePort")
        async with ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json") as response:
                tabs = json.loads(await response.text())
            address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
            async with session.ws_connect(address, max_msg_size=0) as socket:
                made = Browser(socket)
                await made.call("Page.enable")
                await made.call("Page.setLifecycleEventsEnabled", enabled=True)
                yield made
    finally:
        process.terminate()
        await process.wait()
        log.close()


async def _port(file: Path) -> str:
    async with asyncio.timeout(START_S):
        while not (said := _read(file)).count("\n"):  # noqa: ASYNC110  (a file tells nobody)
            await asyncio.sleep(0.05)
    return said.split("\n")[0]


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""
