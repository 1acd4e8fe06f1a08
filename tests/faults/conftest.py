"""The extent of the fault tests: `FAULT_ROUNDS` is the number of kills at random moments."""

from __future__ import annotations

import os

import pytest

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "16"))


@pytest.fixture(scope="session")
def rounds() -> int:
    """Number of kills at random moments; 200 for the full test."""
    return ROUNDS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test in this folder its marker, and a timeout that grows with the rounds unless it has one."""
    for item in items:
        if "tests/faults/" in item.path.as_posix():
            item.add_marker(pytest.mark.faults)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(150 + 30 * ROUNDS))
