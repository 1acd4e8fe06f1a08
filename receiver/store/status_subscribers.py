"""Subscribers of the status page: their records, the key that signs their links, and the limits on sign-ups."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import orjson
import structlog
from pydantic import ValidationError

from receiver.model.delivery.subscription import Subscriber
from receiver.store.client.connection import Connection

DAY_S, HOUR_S = 86_400, 3_600
A_DAY = 3
"""Maximum number of confirmation mails to one address per day."""
A_PEER = 30
"""Maximum number of sign-ups from one peer per hour."""
AN_HOUR = 1_000
"""Maximum number of sign-ups from all peers per hour: more is an attack, and mail servers would block the sender."""
PAGE = 500
"""Number of records that are read in one round trip."""
REPLACE = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""
"""Writes a record unless it was changed or erased since it was read."""

log = structlog.get_logger("receiver.subscriptions")


class StatusSubscribers:
    """The subscribers of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """The key is generated when it is first needed."""
        self.connection = connection
        self._key: str | None = None

    async def key(self) -> str:
        """Return the secret that signs links; it is generated once for all replicas. Raises StoreAway."""
        if self._key is None:
            name = self.connection.keys.named("subscribers:key")
            await self.connection.call("SET", name, secrets.token_urlsafe(32), "NX")
            self._key = str(await self.connection.call("GET", name))
        return self._key

    async def get(self, number: str) -> Subscriber | None:
        """Return a subscriber by id. Raises StoreAway."""
        text = await self.connection.call("HGET", self._all, number)
        return _read(text) if text else None

    async def put(self, one: Subscriber) -> None:
        """Store a subscriber. Raises StoreAway."""
        await self.connection.call("HSET", self._all, one.id, orjson.dumps(one.model_dump(mode="json")).decode())

    async def replace(self, known: Subscriber, one: Subscriber) -> bool:
        """Replace `known` with `one`, and return whether `known` was still stored unchanged. Raises StoreAway."""
        texts = (orjson.dumps(each.model_dump(mode="json")).decode() for each in (known, one))
        return bool(await self.connection.call("EVAL", REPLACE, 1, self._all, known.id, *texts))

    async def delete(self, number: str) -> bool:
        """Erase a subscriber, and return whether it existed. Raises StoreAway."""
        return bool(await self.connection.call("HDEL", self._all, number))

    async def count(self) -> int:
        """Return how many there are. Raises StoreAway."""
        return int(await self.connection.call("HLEN", self._all))

    async def each(self) -> AsyncIterator[list[Subscriber]]:
        """Yield all subscribers, read in pages; one that changes meanwhile may be returned twice. Raises StoreAway."""
        cursor = "0"
        while True:
            cursor, found = await self.connection.call("HSCAN", self._all, cursor, "COUNT", PAGE)
            texts = list(found.values()) if isinstance(found, dict) else list(found)[1::2]
            yield [one for text in texts if (one := _read(text)) is not None]
            if str(cursor) == "0":
                return

    async def peer_may(self, peer: str) -> bool:
        """Count a sign-up from `peer` (a keyed hash), and return whether it is within the limits. Raises StoreAway."""
        own = await self._count(f"subscribe:peer:{peer}", HOUR_S)
        return own <= A_PEER and await self._count("subscribe:hour", HOUR_S) <= AN_HOUR

    async def address_may(self, number: str) -> bool:
        """Return whether another confirmation may be mailed to the address with that id today. Raises StoreAway."""
        return await self._count(f"subscribe:address:{number}", DAY_S) <= A_DAY

    async def use_once(self, nonce: str, seconds: int) -> bool:
        """Mark the link with `nonce` as used, and return whether it was unused. Raises StoreAway."""
        key = self.connection.keys.named(f"subscribe:used:{nonce}")
        return await self.connection.call("SET", key, "1", "NX", "EX", seconds) is not None

    async def _count(self, name: str, seconds: int) -> int:
        key = self.connection.keys.named(name)
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            # The time to live is set first: a counter without one would never be reset.
            pipe.set(key, 0, ex=seconds, nx=True)
            pipe.incr(key)
            _, count = await pipe.execute()
        return int(count)

    @property
    def _all(self) -> str:
        return self.connection.keys.named("subscribers")


def _read(text: str) -> Subscriber | None:
    try:
        return Subscriber.model_validate_json(text)
    except ValidationError:
        # The record is not logged, because it contains an address.
        log.error("subscriber_read_failed")
        return None
