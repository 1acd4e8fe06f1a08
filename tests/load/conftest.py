"""Tests in this folder measure times of real processes, so no other test may run at the same time."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder `alone`."""
    for item in items:
        if "tests/load/" in item.path.as_posix():
            item.add_marker(pytest.mark.alone)
