"""How long an end-to-end test may take: programs of others start in it, which takes a busy machine long."""

from __future__ import annotations

import pytest

LIMIT = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test of this folder a limit, where it has none of its own."""
    for item in items:
        if "tests/e2e/" in item.path.as_posix() and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LIMIT))
