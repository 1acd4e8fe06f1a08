"""What a person may answer to a page from their phone."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

TOKEN_BYTES = 32
"""Random bytes of a token; only its hash is stored."""
VALID_FOR = timedelta(hours=24)
"""How long a token is valid at most; it ends with its page."""


class Verb(StrEnum):
    """What an answer asks for."""

    ACKNOWLEDGE = "acknowledge"
    ESCALATE = "escalate"
    RESOLVE = "resolve"
    """Only by a telephone key: the person was called at a configured number."""
    KEY = "key"
    """Of a token alone: the verb is the key that is pressed during the call."""
