"""The image, built once for all tests that use it."""

from __future__ import annotations

import pytest

from tests.deploy.kustomize import ROOT
from tests.deploy.sandbox import Build


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The files that the steps of the Dockerfile create, and the wheel from which they are built."""
    return Build(tmp_path_factory.mktemp("image"), ROOT)
