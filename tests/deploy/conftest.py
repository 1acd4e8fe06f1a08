"""The image, built once for all tests that look at it."""

from __future__ import annotations

import pytest

from tests.deploy.kustomize import ROOT
from tests.deploy.sandbox import Build


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The files that the steps of the Dockerfile make, and the wheel that they are made from."""
    return Build(tmp_path_factory.mktemp("image"), ROOT)
