"""The last known state of each ticket at its vendor, so that only changes there are applied here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from receiver.model.incident.ticket import Ticket
from receiver.store.client.connection import Connection


class TicketStates:
    """The tickets of one namespace."""

    def __init__(self, connection: Connection, *, history_s: int) -> None:
        """`history_s`: seconds for which a ticket is remembered after its last change."""
        self.connection = connection
        self.history_s = history_s

    async def before(self, channel: str, tickets: Sequence[Ticket]) -> list[Ticket | None]:
        """Return the last known state of each of `tickets`; None if it was not seen. Raises StoreAway."""
        if not tickets:
            return []
        async with self.connection.guarded() as client:
            found = await client.mget([self._key(channel, one) for one in tickets])
        return [Ticket.model_validate_json(text) if text else None for text in found]

    async def memories(self, members: Sequence[str]) -> list[dict[str, Any]]:
        """Return the memory of each of the rows `members`. Raises StoreAway."""
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            for member in members:
                pipe.hget(self.connection.keys.row(member), "memory")
            found = await pipe.execute()
        return [orjson.loads(text) if text else {} for text in found]

    async def seen(self, channel: str, ticket: Ticket) -> None:
        """Store the current state of `ticket`. Raises StoreAway."""
        async with self.connection.guarded() as client:
            await client.set(self._key(channel, ticket), ticket.model_dump_json(), ex=self.history_s)

    def _key(self, channel: str, ticket: Ticket) -> str:
        return self.connection.keys.named(f"ticket:{channel}/{ticket.key}")
