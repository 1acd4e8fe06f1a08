"""The tokens with which people answer pages from their phones: only hashes, and what each token allows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta

import orjson

from receiver.model.delivery.phone_answer import VALID_FOR
from receiver.store.client.connection import Connection

KEPT_FOR = VALID_FOR + timedelta(hours=1)
"""Slightly longer than a token is valid, so that a late answer gets an explanation."""


REPLIED_S = 3600
"""Seconds for which a repeated message gets no second reply."""


@dataclass(frozen=True)
class AnswerToken:
    """The permission of one token: one verb of one person about one page."""

    uid: str
    channel: str
    key: str
    """The key of the page at its vendor."""
    person: str
    verb: str
    at_ms: int
    """When it was created."""


def token_hash(token: str) -> str:
    """Return the name under which a token is stored."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class AnswerTokens:
    """The tokens of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """Tokens expire automatically."""
        self.connection = connection

    async def keep(self, made: Mapping[str, AnswerToken]) -> None:
        """Store the permission of each token under its hash. Raises StoreAway."""
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            for token, meaning in made.items():
                pipe.set(self._key(token), orjson.dumps(asdict(meaning)), ex=round(KEPT_FOR.total_seconds()))
            await pipe.execute()

    async def find(self, token: str) -> AnswerToken | None:
        """Return the permission of `token`; None if it has none. Raises StoreAway."""
        text = await self.connection.call("GET", self._key(token))
        return AnswerToken(**orjson.loads(text)) if text else None

    async def first(self, what: str) -> bool:
        """Return whether `what` is new within the last hour, and record it. Raises StoreAway."""
        key = self.connection.keys.named(f"replied:{token_hash(what)}")
        return bool(await self.connection.call("SET", key, "1", "NX", "EX", str(REPLIED_S)))

    def _key(self, token: str) -> str:
        return self.connection.keys.named(f"answer:{token_hash(token)}")
