"""A service to attack. Tests that measure seconds need the whole machine, so every test here is marked `alone`."""

from __future__ import annotations

import resource
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.security.target import Target


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test of this folder its marker."""
    for item in items:
        if "tests/security/" in item.path.as_posix():
            item.add_marker(pytest.mark.alone)


@pytest.fixture(autouse=True)
def many_descriptors() -> Iterator[None]:
    """The attacker needs more descriptors than the service has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[Target]:
    """A service that accepts requests; its log is printed, and shown if the test fails."""
    made = Target(tmp_path)
    try:
        await made.open()
        yield made
    finally:
        await made.close()
        sys.stdout.write(made.log[-3000:])
