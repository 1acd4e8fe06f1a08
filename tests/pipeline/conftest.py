"""A world for each test of the pipeline."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.stories.world import World


@pytest.fixture
async def world(store_url: str, patient: None) -> AsyncIterator[World]:
    """Fakes and a store with long timeouts, without a replica yet: call `open`."""
    made = World(store_url)
    try:
        yield made
    finally:
        await made.close()
