"""The browser and tools with which the tests of the console check pages."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.browser import Browser, chromium_of, tab

HERE = Path(__file__).parent
BUILD = Path(__file__).parents[3] / "build" / "axe"
PICTURES = Path(__file__).parents[3] / "docs" / "images" / "console"
TOLERANCE = 0.12
"""Allowed mean difference of two pictures, 0 to 1: fonts differ between machines, layouts do not."""


@pytest.fixture(scope="session")
def chromium_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """One Chromium for all tests of the console; each test has a separate tab."""
    with chromium_of(tmp_path_factory.mktemp("chromium")) as port:
        yield port


@pytest.fixture
async def chromium(chromium_port: int) -> AsyncIterator[Browser]:
    """A tab with separate cookies."""
    async with tab(chromium_port) as made:
        yield made


@pytest.fixture(scope="session")
def axe() -> str:
    """The rules of axe-core in the version of the lock file, from npm or from an earlier run."""
    wanted = json.loads((HERE / "axe" / "package.json").read_text())["dependencies"]["axe-core"]
    installed = BUILD / "node_modules" / "axe-core"
    manifest = installed / "package.json"
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        # Several processes run tests, and `npm ci` begins with an empty folder.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not manifest.exists() or json.loads(manifest.read_text())["version"] != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / "axe" / name, BUILD / name)
            program = shutil.which("npm")
            assert program is not None, "npm is missing: `make tools` installs it"
            subprocess.run(
                [program, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=BUILD, check=True, timeout=100
            )
        return (installed / "axe.min.js").read_text()


async def sign_in(chromium: Browser, url: str, token: str = "admin-token") -> None:
    """Sign in with the form."""
    await chromium.go(f"{url}/login")
    await chromium.press("form button", token=token)


async def violations(chromium: Browser, axe: str, *, colors: bool = False) -> list[str]:
    """Return what axe-core finds wrong with the page, each with the elements that it is about.

    `colors`: contrasts alone, for the other color scheme of a page that was looked at whole.
    """
    if not await chromium.ask("!!window.axe"):
        await chromium.call("Runtime.evaluate", expression=axe)
    rules = "{runOnly: ['color-contrast']}" if colors else "{}"
    found: list[dict[str, Any]] = await chromium.result(
        f"axe.run(document, {{...{rules}, resultTypes: ['violations']}}).then((found) => found.violations)"
    )
    return [f"{one['id']}: {[node['html'][:120] for node in one['nodes'][:3]]}" for one in found]
