"""The names of the Alertmanager receivers that lead here, each with when it was first seen."""

from __future__ import annotations

from receiver.store.client.connection import Connection
from receiver.store.stored_numbers import stored_number

MOST_RECEIVERS = 1000
"""Names of Alertmanager's receivers that are kept."""


class AlertmanagerReceivers:
    """The receivers of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """No name is known before it was kept."""
        self.connection = connection
        self.keys = connection.keys

    async def since(self, receiver: str) -> int | None:
        """Return when an Alertmanager receiver that leads here was first seen; None where its name is not kept.

        In milliseconds; 0 where it was heard of before that was kept.
        """
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            pipe.sismember(self.keys.named("receivers"), receiver)
            pipe.hget(self.keys.named("receivers_since"), receiver)
            known, since = await pipe.execute()
        return stored_number(since) if known else None

    async def keep(self, receiver: str, at_ms: int) -> int:
        """Keep the name of an Alertmanager receiver that leads here, and return when it was first seen.

        In milliseconds; 0 where it was heard of before that was kept. Where there are too many, another one leaves.
        """
        since = self.keys.named("receivers_since")
        async with self.connection.guarded() as client:
            # Asked first: a store that is full takes no name, not even one that it has.
            pipe = self.connection.pipeline(client)
            pipe.sismember(self.keys.named("receivers"), receiver)
            pipe.hget(since, receiver)
            known, known_since = await pipe.execute()
            if known:
                return stored_number(known_since)
            if await client.scard(self.keys.named("receivers")) >= MOST_RECEIVERS:
                # Any one: a receiver that leads here comes back with what it opens next.
                await client.hdel(since, str(await client.spop(self.keys.named("receivers"))))
            if await client.sadd(self.keys.named("receivers"), receiver):
                await client.hsetnx(since, receiver, str(at_ms))
            return stored_number(await client.hget(since, receiver))

    async def names(self) -> set[str]:
        """Return the names of the Alertmanager receivers that lead here."""
        async with self.connection.guarded() as client:
            return set(await client.smembers(self.keys.named("receivers")))
