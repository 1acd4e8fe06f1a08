"""The names of the Alertmanager receivers that point to this service, each with the time it was first seen."""

from __future__ import annotations

from receiver.store.client.connection import Connection
from receiver.store.stored_numbers import stored_number

MOST_RECEIVERS = 1000
"""Maximum number of stored receiver names."""


class AlertmanagerReceivers:
    """The receivers of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """Names are read from the store on each call."""
        self.connection = connection
        self.keys = connection.keys

    async def since(self, receiver: str) -> int | None:
        """Return when an Alertmanager receiver that points here was first seen; None if its name is not stored.

        In milliseconds; 0 where it was heard of before that was kept.
        """
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            pipe.sismember(self.keys.named("receivers"), receiver)
            pipe.hget(self.keys.named("receivers_since"), receiver)
            known, since = await pipe.execute()
        return stored_number(since) if known else None

    async def keep(self, receiver: str, at_ms: int) -> int:
        """Store the name of an Alertmanager receiver that points here, and return when it was first seen.

        In milliseconds; 0 if it was received before this was stored. If there are too many, another name is removed.
        """
        since = self.keys.named("receivers_since")
        async with self.connection.guarded() as client:
            # Read first: a full store accepts no write, not even for an existing name.
            pipe = self.connection.pipeline(client)
            pipe.sismember(self.keys.named("receivers"), receiver)
            pipe.hget(since, receiver)
            known, known_since = await pipe.execute()
            if known:
                return stored_number(known_since)
            if await client.scard(self.keys.named("receivers")) >= MOST_RECEIVERS:
                # Any name may be removed: a receiver that points here is stored again when it next opens an incident.
                await client.hdel(since, str(await client.spop(self.keys.named("receivers"))))
            if await client.sadd(self.keys.named("receivers"), receiver):
                await client.hsetnx(since, receiver, str(at_ms))
            return stored_number(await client.hget(since, receiver))

    async def names(self) -> set[str]:
        """Return the names of the Alertmanager receivers that point here."""
        async with self.connection.guarded() as client:
            return set(await client.smembers(self.keys.named("receivers")))
