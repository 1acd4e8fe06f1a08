"""The tokens by which people answer pages from their phones: only hashes, and what each stands for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta

import orjson

from receiver.model.delivery.phone_answer import VALID_FOR
from receiver.store.client.connection import Connection

KEPT_FOR = VALID_FOR + timedelta(hours=1)
"""A little longer than a token is valid, so that a late answer is told why nothing happens."""


REPLIED_S = 3600
"""Seconds for which a message that arrives again gets no second reply."""


@dataclass(frozen=True)
class AnswerToken:
    """What one token allows: one verb of one person about one page."""

    uid: str
    channel: str
    key: str
    """Of the page, as its vendor knows it."""
    person: str
    verb: str
    at_ms: int
    """When it was made."""


def token_hash(token: str) -> str:
    """Return the name under which a token is kept."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class AnswerTokens:
    """The tokens of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """They end by themselves."""
        self.connection = connection

    async def keep(self, made: Mapping[str, AnswerToken]) -> None:
        """Keep what each token, by itself, stands for. Raises StoreAway."""
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            for token, meaning in made.items():
                pipe.set(self._key(token), orjson.dumps(asdict(meaning)), ex=round(KEPT_FOR.total_seconds()))
            await pipe.execute()

    async def find(self, token: str) -> AnswerToken | None:
        """Return what `token` stands for, None where it stands for nothing. Raises StoreAway."""
        text = await self.connection.call("GET", self._key(token))
        return AnswerToken(**orjson.loads(text)) if text else None

    async def first(self, what: str) -> bool:
        """Return whether nothing was said about `what` within the last hour; now something is. Raises StoreAway."""
        key = self.connection.keys.named(f"replied:{token_hash(what)}")
        return bool(await self.connection.call("SET", key, "1", "NX", "EX", str(REPLIED_S)))

    def _key(self, token: str) -> str:
        return self.connection.keys.named(f"answer:{token_hash(token)}")
