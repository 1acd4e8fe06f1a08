"""Tests in this folder measure times of real processes: no other test may run at the same time."""

from __future__ import annotations

import pytest

LIMIT = 240
"""Timeout of a test in seconds: a busy machine takes a minute to start four replicas."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder as a fault test."""
    for item in items:
        if "tests/outages/" in item.path.as_posix():
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.timeout(LIMIT))
