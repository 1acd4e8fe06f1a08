"""Every test of this folder runs real processes against the clock: nothing else may run beside it."""

from __future__ import annotations

import pytest

LIMIT = 240
"""Seconds for a test: a busy machine takes a minute to start four replicas."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test of this folder the marker of the fault tests."""
    for item in items:
        if "tests/outages/" in item.path.as_posix():
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.timeout(LIMIT))
