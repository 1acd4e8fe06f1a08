"""Commands that talk to a running service: the same house as the tests of the endpoints have."""

from tests.web.conftest import house, opened

__all__ = ["house", "opened"]
