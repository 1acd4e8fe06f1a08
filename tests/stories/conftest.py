"""A world for each story."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from receiver.incident.alerts import alert_start
from tests.stories.alternating_replicas import AlternatingReplicas
from tests.stories.world import World


@pytest.fixture(autouse=True)
def never_hurried(patient: None) -> None:
    """No story depends on the store's latency: the store is either available or killed."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a module marked `killed_in_turn` twice: with one replica, and with two replicas that are killed in turn."""
    if "world" in metafunc.fixturenames and metafunc.definition.get_closest_marker("killed_in_turn"):
        metafunc.parametrize("world", [World, AlternatingReplicas], indirect=True, ids=["one", "each_killed"])


@pytest.fixture
async def world(store_url: str, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """Fakes and a store, without a replica yet: call `open`."""
    made: World = getattr(request, "param", World)(store_url)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def clocks_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts may begin ahead of the story's clock, because test_implausible_start_times.py tests wrong clocks."""
    monkeypatch.setattr(alert_start, "AHEAD", timedelta(days=2))
