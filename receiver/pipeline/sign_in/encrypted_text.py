"""Encrypted text that only this service can read, although a browser or the store has it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class Seal:
    """Encrypts and signs with a key derived from a secret of the configuration, so that every replica has it."""

    def __init__(self, secret: str, purpose: str) -> None:
        """A text that is sealed for one purpose cannot be opened for another."""
        self._key = hmac.new(secret.encode(), f"receiver {purpose}".encode(), hashlib.sha256).digest()

    @cached_property
    def _box(self) -> Fernet:
        from cryptography.fernet import Fernet  # noqa: PLC0415  (5 MB, which only sign-in and subscriptions need)

        return Fernet(base64.urlsafe_b64encode(self._key))

    def close(self, text: str, at: float) -> str:
        """Return `text` sealed; `at`: seconds since 1970."""
        return self._box.encrypt_at_time(text.encode(), round(at)).decode()

    def open(self, sealed: str, now: float | None = None, valid: int | None = None) -> str | None:
        """Return the text; None if it was altered, or sealed more than `valid` seconds before `now`."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415  (as above)

        try:
            if now is None or valid is None:
                return self._box.decrypt(sealed.encode()).decode()
            return self._box.decrypt_at_time(sealed.encode(), valid, round(now)).decode()
        except (InvalidToken, ValueError):
            return None
