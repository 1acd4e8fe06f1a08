"""docs/adding-a-channel.md is correct: its channel loads, and passes the contract like every other one."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web

import receiver.channels
from receiver.channels import discover
from receiver.channels.http_client import Http
from receiver.config import load_text
from receiver.model.delivery.notice import Action, Notice
from tests.channels import test_contract as contract
from tests.channels.conftest import TIMEOUT, Wired
from tests.channels.notices import ROUTING_KEY, notice
from tests.docs.pages import DOCS
from tests.fakes import Ledger, Site, Vendor

BLOCKS = dict(re.findall(r"^```\w+ ([\w.-]+)\n(.*?)^```$", (DOCS / "adding-a-channel.md").read_text(), re.M | re.S))
CONTRACT = {
    name: test
    for name, test in vars(contract).items()
    if name.startswith("test_") and {"wired", "every"} & {*test.__code__.co_varnames[: test.__code__.co_argcount]}
}
globals().update(CONTRACT)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The page's channel, as if its file were in the package."""
    (tmp_path / "splunkoncall.py").write_text(BLOCKS["splunkoncall.py"])
    monkeypatch.setattr(receiver.channels, "__path__", [*receiver.channels.__path__, str(tmp_path)])
    assert discover()["splunkoncall"].__name__ == "SplunkOnCall"
    yield sys.modules["receiver.channels.splunkoncall"]
    del sys.modules["receiver.channels.splunkoncall"]


@pytest.fixture
def names(module: ModuleType) -> dict[str, Any]:
    """The namespace of the page's blocks, with its fake and its wiring."""
    found = {
        **vars(module), "Vendor": Vendor, "Ledger": Ledger, "web": web, "Site": Site, "Http": Http, "Wired": Wired,
        "ROUTING_KEY": ROUTING_KEY, "notice": notice, "Action": Action, "Notice": Notice,
    }  # fmt: skip
    exec(BLOCKS["fake"], found)
    exec(BLOCKS["wiring"], found)
    return found


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    made = Http(connect=3, total=5)
    yield made
    await made.close()


@pytest.fixture
async def quick() -> AsyncIterator[Http]:
    made = Http(connect=TIMEOUT, total=TIMEOUT)
    yield made
    await made.close()


@pytest.fixture
async def site(names: dict[str, Any]) -> AsyncIterator[Site]:
    made = Site(names["VENDOR"]())
    await made.start()
    yield made
    await made.stop()
    assert made.mistakes() == []


@pytest.fixture
def wired(names: dict[str, Any], site: Site, http: Http, monkeypatch: pytest.MonkeyPatch) -> Wired:
    def wire(kind: str, site: Site, http: Http) -> Wired:
        made: Wired = names["wiring"](site.vendors[0], site, http)
        return made

    monkeypatch.setattr(contract, "wire", wire)
    return wire("splunkoncall", site, http)


@pytest.fixture
def every(wired: Wired) -> Wired:
    return wired


def test_the_whole_contract_is_asked() -> None:
    assert len(CONTRACT) >= 15


def test_the_configuration_of_the_page_loads(module: ModuleType) -> None:
    config = load_text(BLOCKS["with-the-channel"] + "severities: {SEV-1: {notify: []}}\n", "page.yaml", {}, Path())
    assert (config.channels["oncall"].kind, config.off) == ("splunkoncall", {"oncall": "api_key is empty"})
    assert all(field.description for name, field in module.SplunkOnCallSettings.model_fields.items() if name != "kind")


def test_it_is_written_as_the_others_are(tmp_path: Path, root: Path) -> None:
    (tmp_path / "splunkoncall.py").write_text(BLOCKS["splunkoncall.py"])
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run(
            [*ruff, *command, "--config", str(root / "pyproject.toml"), str(tmp_path / "splunkoncall.py")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
