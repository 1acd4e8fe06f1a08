"""The list of values that severity decisions could not use: limited, counted, shared by all replicas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from receiver.store.client.connection import Connection, Script

NOTE = Script("documents/count_unknowns")
MOST = 500
"""Maximum number of entries: the least recent ones are removed."""


class UnknownsList:
    """The list of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """An entry is a small document with `count`, `first` and `last`."""
        self.connection = connection
        self.key = connection.keys.named("unknowns")

    async def note(self, entries: Mapping[str, Mapping[str, Any]]) -> None:
        """Add `entries` by field; the counts of existing ones increase. Raises StoreAway."""
        if not entries:
            return
        arguments: list[str | int] = [MOST]
        for field, entry in entries.items():
            arguments += [field, orjson.dumps(entry).decode(), entry["count"], entry["first"]]
        await self.connection.write(NOTE, [self.key], arguments)

    async def listing(self) -> list[dict[str, Any]]:
        """Return every entry, most recent first. Raises StoreAway."""
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            pipe.hvals(self.key)
            (rows,) = await pipe.execute()
        found: list[dict[str, Any]] = [orjson.loads(row) for row in rows]
        return sorted(found, key=lambda entry: (entry["last"], entry["alertname"], entry["text"]), reverse=True)
