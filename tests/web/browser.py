"""A real headless Chromium, controlled through its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

START_S = 60.0
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), "Escape": (27, "")}
"""Virtual key codes of non-character keys, and their text."""
# DevTools' response to an expression whose page is replaced while it runs.
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
        """Return the value of an expression in the page; None while the page changes."""
        said = await self._answer("Runtime.evaluate", expression=expression, returnByValue=True, userGesture=True)
        if "error" in said:
            assert said["error"]["message"].startswith(PAGE_CHANGED), said
            return None
        return said["result"]["result"].get("value")

    async def go(self, url: str) -> None:
        """Open an address as if it was typed, and wait until it has loaded."""
        loader = (await self.call("Page.navigate", url=url))["loaderId"]
        while loader not in self._loaded:
            await self._read()

    async def until(self, expression: str) -> None:
        """Wait until an expression is true in the page."""
        async with asyncio.timeout(START_S):
            while not await self.ask(expression):  # noqa: ASYNC110  (a page tells nobody)
                await asyncio.sleep(0.05)

    async def view(self, width: int, height: int, scheme: str, *, scripts: bool = True) -> None:
        """Set the window size, the color scheme, and whether scripts run."""
        mobile = width < 700
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        await self.call("Emulation.setEmulatedMedia", media="screen", features=features)
        await self.call("Emulation.setScriptExecutionDisabled", value=not scripts)

    async def picture(self, *, whole: bool = False) -> bytes:
        """Return a screenshot as PNG; `whole`: of the whole page."""
        taken = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(taken["data"])

    async def press(self, selector: str, **fields: str) -> None:
        """Fill in the fields of an element's form, click the element, and wait for the next page."""
        before = len(self._loaded)
        script = (
            "((selector, fields) => { const one = document.querySelector(selector); if (!one) return false;"
            " for (let e = one.closest('details'); e; e = e.parentElement.closest('details')) e.open = true;"
            " for (const [name, value] of Object.entries(fields)) one.form.elements[name].value = value;"
            " one.click(); return true; })"
        )
        found = await self.ask(f"{script}({json.dumps(selector)}, {json.dumps(fields)})")
        assert found is not False, f"there is no {selector} in {await self.text()}"
        async with asyncio.timeout(START_S):
            while len(self._loaded) == before:
                await self._read()

    async def result(self, expression: str) -> Any:
        """Return the result of a promise."""
        said = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    async def key(self, key: str) -> None:
        """Press a key: a character, or Tab, Enter, Escape."""
        code, text = KEYS.get(key, (0, key))
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, text=text if kind == "keyDown" else "",
                windowsVirtualKeyCode=code,
            )  # fmt: skip

    async def type(self, text: str) -> None:
        """Type text into the focused element."""
        await self.call("Input.insertText", text=text)

    async def leads(self, key: str) -> None:
        """Press a key and wait for the next page."""
        before = len(self._loaded)
        await self.key(key)
        async with asyncio.timeout(START_S):
            while len(self._loaded) == before:
                await self._read()

    async def text(self) -> str:
        """Return the visible text."""
        return str(await self.ask("document.body.innerText"))


PROGRAM = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--remote-debugging-port=0",
)  # fmt: skip


def program() -> str:
    """Return the path of Chromium."""
    found = shutil.which("chromium")
    assert found is not None, "chromium is missing: `make tools` installs it"
    return found


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Browser]:
    """Start Chromium with a new profile in `folder`."""
    with chromium_of(folder) as port:
        async with tab(port) as made:
            yield made


@contextmanager
def chromium_of(folder: Path) -> Iterator[int]:
    """Start Chromium with a new profile in `folder`; yield the port of its DevTools."""
    with (folder / "chromium.log").open("wb") as log:
        command = [program(), *PROGRAM, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield _port(folder / "profile" / "DevToolsActivePort")
        finally:
            process.terminate()
            process.wait()


@asynccontextmanager
async def tab(port: int) -> AsyncIterator[Browser]:
    """Open a tab that shares no cookies with other tabs."""
    async with ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json/version") as response:
            whole = json.loads(await response.text())["webSocketDebuggerUrl"]
        async with session.ws_connect(whole, max_msg_size=0) as root:
            outside = Browser(root)
            apart = (await outside.call("Target.createBrowserContext"))["browserContextId"]
            made = await outside.call("Target.createTarget", url="about:blank", browserContextId=apart)
            address = f"ws://127.0.0.1:{port}/devtools/page/{made['targetId']}"
            async with session.ws_connect(address, max_msg_size=0) as socket:
                found = Browser(socket)
                await found.call("Page.enable")
                await found.call("Page.setLifecycleEventsEnabled", enabled=True)
                yield found
            await outside.call("Target.disposeBrowserContext", browserContextId=apart)


def _port(file: Path) -> int:
    ends = time.monotonic() + START_S
    while not (said := _read(file)).count("\n"):
        assert time.monotonic() < ends, "chromium does not start"
        time.sleep(0.02)
    return int(said.split("\n")[0])


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""
