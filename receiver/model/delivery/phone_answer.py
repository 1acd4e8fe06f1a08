"""Answers that a person can give to a page from their phone."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

TOKEN_BYTES = 32
"""Random bytes of a token; only its hash is stored."""
VALID_FOR = timedelta(hours=24)
"""Maximum validity of a token; it ends with its page."""


class Verb(StrEnum):
    """The command of an answer."""

    ACKNOWLEDGE = "acknowledge"
    ESCALATE = "escalate"
    RESOLVE = "resolve"
    """Only through a telephone key, because the person was called at a configured number."""
    KEY = "key"
    """Only for a token: the key that is pressed during the call determines the verb."""
