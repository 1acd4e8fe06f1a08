"""The image, built once for all tests that look at it; and how long a test may take that builds it."""

from __future__ import annotations

import pytest

from tests.deploy.kustomize import ROOT
from tests.deploy.sandbox import Build

LIMIT = 400
"""Seconds: the first test waits for the build of the image, which takes a busy machine minutes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test of this folder a limit, where it has none of its own."""
    for item in items:
        if "tests/deploy/" in item.path.as_posix() and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LIMIT))


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The files that the steps of the Dockerfile create, and the wheel from which they are built."""
    return Build(tmp_path_factory.mktemp("image"), ROOT)
