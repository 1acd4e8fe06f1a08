"""How much the fault tests do: `FAULT_ROUNDS` is the number of kills at random moments."""

from __future__ import annotations

import os

import pytest

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "16"))


@pytest.fixture(scope="session")
def rounds() -> int:
    """Kills at random moments; 200 for the full measure."""
    return ROUNDS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test of this folder its marker, and a limit that grows with the rounds where it has none."""
    for item in items:
        if "tests/faults/" in item.path.as_posix():
            item.add_marker(pytest.mark.faults)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(150 + 30 * ROUNDS))
