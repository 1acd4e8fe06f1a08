"""Histories that the tests of the life of an incident begin with."""

from __future__ import annotations

import pytest

from tests.incident.given import A_ENDS, B_ENDS, NOW, A, B, Store, at, part


@pytest.fixture
def store() -> Store:
    """Nothing is known."""
    return Store()


@pytest.fixture
def opened() -> Store:
    """A and B fire."""
    made = Store()
    made.tell(part(A, B), NOW)
    return made


@pytest.fixture
def watched(opened: Store) -> Store:
    """Both have ended a minute later."""
    opened.tell(part(A_ENDS, B_ENDS), at(60))
    return opened


@pytest.fixture
def resolved(watched: Store) -> Store:
    """And the watch is over."""
    watched.tick(at(60 + 900))
    return watched
