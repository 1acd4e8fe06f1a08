"""The secret links of subscribers: one that confirms, and contains the sign-up, and one that manages a subscription."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

from pydantic import ValidationError

from receiver.model.delivery.subscription import PendingSubscription
from receiver.pipeline.sign_in.encrypted_text import Seal

VALID_S = 86_400
"""How long a confirmation link is valid, in seconds."""
_ID = 16
_PURPOSE = "status subscription"


class SubscriptionLinks:
    """Creates and reads links with one key."""

    def __init__(self, key: str) -> None:
        """`key`: the key in the store, which is the same for all replicas."""
        self._key = key.encode()
        self._seal = Seal(key, _PURPOSE)

    def id_of(self, text: str) -> str:
        """Return the identifier of an address or a peer, which cannot be computed without the key."""
        return self._mac("id", text.strip().lower())[:_ID].hex()

    def pending(self, sign_up: PendingSubscription, now: datetime) -> str:
        """Return the token of a confirmation link."""
        return self._seal.close(sign_up.model_dump_json(), now.timestamp())

    def read_pending(self, token: str, now: datetime) -> PendingSubscription | None:
        """Return the sign-up in a token; None if it is forged, or older than a day."""
        text = self._seal.open(token, now.timestamp(), VALID_S)
        try:
            return PendingSubscription.model_validate_json(text) if text else None
        except ValidationError:
            return None

    def manage(self, number: str) -> str:
        """Return the token for managing a subscription; it is valid as long as the subscription exists."""
        return base64.urlsafe_b64encode(bytes.fromhex(number) + self._signature(number)).decode().rstrip("=")

    def read_manage(self, token: str) -> str | None:
        """Return the id in a token; None if it is forged."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            return None
        number, signature = raw[:_ID].hex(), raw[_ID:]
        return number if hmac.compare_digest(signature, self._signature(number)) else None

    def _signature(self, number: str) -> bytes:
        return self._mac("manage", number)[:_ID]

    def _mac(self, purpose: str, text: str) -> bytes:
        return hmac.new(self._key, f"{purpose} {text}".encode("utf-8", "replace"), hashlib.sha256).digest()
