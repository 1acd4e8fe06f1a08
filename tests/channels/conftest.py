"""A channel of each kind, set up against its fake by the channel's test."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from receiver.channels import discover
from receiver.channels.base import Channel
from receiver.channels.http_client import Http
from receiver.model.delivery.notice import Notice
from tests.fakes import Site, Vendor

TIMEOUT = 0.25


@dataclass
class Wired:
    """A channel, its fake vendor, and the secrets that no output may contain."""

    channel: Channel[Any]
    vendor: Vendor
    site: Site
    notice: Notice
    secrets: tuple[str, ...]
    blunt: bool = False
    """The channel learns whether the vendor accepted a message, but not why it refused: it uses a library."""


def _fake(kind: str) -> Vendor:
    vendor: Vendor = module(kind).VENDOR()
    vendor.name = kind
    return vendor


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    http = Http(connect=3, total=5)
    yield http
    await http.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site(*(_fake(kind) for kind in remote()))
    await site.start()
    yield site
    await site.stop()
    assert site.mistakes() == []


def module(kind: str) -> ModuleType:
    """Return the test of the channel of this kind: `VENDOR` in it is its fake, `wiring` sets the two up together."""
    return importlib.import_module(f"tests.channels.test_{kind}")


def remote() -> list[str]:
    """Return the kinds that speak HTTP."""
    return [kind for kind in sorted(discover()) if getattr(module(kind), "VENDOR", None) is not None]


def wire(kind: str, site: Site, http: Http) -> Wired:
    """Return the channel of this kind, set up against its fake in `site`."""
    vendor = next((one for one in site.vendors if one.name == kind), None)
    made: Wired = module(kind).wiring(vendor or Vendor(), site, http)
    return made


@pytest.fixture
def slack(site: Site, http: Http) -> Wired:
    return wire("slack", site, http)


@pytest.fixture
def pager(site: Site, http: Http) -> Wired:
    return wire("pagerduty", site, http)


@pytest.fixture
def hook(site: Site, http: Http) -> Wired:
    return wire("webhook", site, http)


@pytest.fixture
def jira(site: Site, http: Http) -> Wired:
    return wire("jira", site, http)


@pytest.fixture
def wiki(site: Site, http: Http) -> Wired:
    return wire("confluence", site, http)


@pytest.fixture
def graphs(site: Site, http: Http) -> Wired:
    return wire("grafana", site, http)
