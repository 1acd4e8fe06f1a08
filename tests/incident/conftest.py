"""Initial histories for the tests of an incident's lifecycle."""

from __future__ import annotations

import pytest

from tests.incident.fixtures import A_ENDS, B_ENDS, NOW, A, B, Store, at, part


@pytest.fixture
def store() -> Store:
    """An empty store."""
    return Store()


@pytest.fixture
def opened() -> Store:
    """A and B fire."""
    made = Store()
    made.tell(part(A, B), NOW)
    return made


@pytest.fixture
def watched(opened: Store) -> Store:
    """Both have ended a minute later, and the incident is monitored."""
    opened.tell(part(A_ENDS, B_ENDS), at(60))
    return opened


@pytest.fixture
def resolved(watched: Store) -> Store:
    """The monitoring time is over."""
    watched.tick(at(60 + 900))
    return watched
