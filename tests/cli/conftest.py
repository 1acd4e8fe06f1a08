"""Commands against a running service: the same house as in the tests of the endpoints."""

from tests.web.conftest import house, opened

__all__ = ["house", "opened"]
