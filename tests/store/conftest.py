"""Rooms on the session's server, and a separate server that a test may break."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from receiver.store.embedded.embedded_store import EmbeddedStore
from tests.store.fixtures import Rooms


@pytest.fixture
async def rooms(store_url: str) -> AsyncIterator[Rooms]:
    """Rooms on an empty server."""
    made = Rooms(store_url)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedStore]:
    """A server that only this test uses."""
    made = EmbeddedStore(tmp_path / "data")
    made.start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
async def alone(server: EmbeddedStore) -> AsyncIterator[Rooms]:
    """Rooms on that server."""
    made = Rooms(server.url)
    try:
        yield made
    finally:
        await made.close()
