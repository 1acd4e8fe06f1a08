"""Shared by all tests: one real Valkey for the session, emptied before each test that uses it."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

import pytest
import structlog
from aiohttp import web_app
from hypothesis import settings

from receiver.config.loader import validation
from receiver.store.client import connection_lanes, guarded_client
from receiver.store.embedded.embedded_store import EmbeddedStore
from receiver.web.webhooks import notification_acceptance

MEMORY = Path("/dev/shm")
ROOM = 1 << 30
"""Bytes that the files of a run need."""

# The stores of the tests sync before each response. A shared disk may take seconds for that, which counts as a
# store outage: files in memory keep the same setting fast, and also survive a killed server.
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

# Unconfigured structlog renders all locals of a traceback: seconds, or minutes if one of them is a whole replica.
PLAIN = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], PLAIN])


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real server that syncs before each response, on a unix socket in a separate folder."""
    store = EmbeddedStore(tmp_path_factory.mktemp("valkey"))
    try:
        yield store.start()
    finally:
        store.stop()


# On a busy machine an example may take long, which is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# Each world loads the reference, and each application compiles the templates: half of the CPU of many tests.
validation._adapter = lru_cache(256)(validation._adapter.__wrapped__)


def pytest_collection_finish() -> None:
    """Exclude ten thousand collected tests from garbage collection, which took a sixth of the CPU of a run."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """Drop handlers that aiohttp keeps for the last 1,024 routes: each keeps its whole replica, a megabyte a test."""
    yield
    web_app._cached_build_middleware.cache_clear()


@pytest.fixture
def store_url(valkey: str) -> str:
    """The URL of a real, empty server."""
    assert ask(valkey, "FLUSHALL", "SYNC") == b"+OK\r\n"
    return valkey


def ask(url: str, *words: str) -> bytes:
    """Return the server's raw response to a command."""
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(30)
        door.connect(unquote(url.removeprefix("unix://")))
        door.sendall((" ".join(words) + "\r\n").encode())
        return door.recv(65_536)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow slow commands: these tests check behavior, and a busy machine is not an outage."""
    monkeypatch.setattr(guarded_client, "COMMAND_LIMIT", 20.0)
    monkeypatch.setattr(connection_lanes, "TURN_LIMIT", 20.0)
    monkeypatch.setattr(notification_acceptance, "ACCEPT_LIMIT", 25.0)
    monkeypatch.setattr(notification_acceptance, "LARGE_ACCEPT_LIMIT", 25.0)


@pytest.fixture
def root() -> Path:
    """The root of the checkout."""
    return Path(__file__).parents[1]
