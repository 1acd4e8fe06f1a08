"""The names of replicas in the store, which show the formats of incidents that a replica can read."""

from __future__ import annotations

import secrets

from receiver.store.client.connection import Connection

KEPT = 86_400
"""Seconds for which the store keeps a replica's name after its last sign of life."""
READS_COMPRESSED = "-z1"
"""The suffix of the name of a replica that can read compressed incidents. Earlier releases have no such suffix."""
SILENT_MS = 600_000
"""Milliseconds of silence after which a replica has ended if another one is active; each writes every two seconds."""
SCANNED = 1000


def replica_name() -> str:
    """Return a unique name for this replica."""
    return secrets.token_hex(8) + READS_COMPRESSED


async def earlier_replicas(connection: Connection) -> int:
    """Return how many running replicas cannot read compressed incidents. Raises StoreAway.

    It scans every key of the store, a thousand at a time, so do not call it for every request.
    """
    prefix, cursor, found = connection.keys.named("replica:"), 0, list[str]()
    while True:
        async with connection.guarded() as client:
            cursor, names = await client.scan(cursor, match=f"{_escaped(prefix)}*", count=SCANNED)
        found += names
        if int(cursor) == 0:
            break
    every = list(dict.fromkeys(found))
    if all(name.endswith(READS_COMPRESSED) for name in every):
        return 0
    async with connection.guarded():
        left = [int(ms) for ms in await connection.read_all([("PTTL", name) for name in every])]
    # A store with full memory accepts no sign of life: then silence of all replicas proves nothing about one.
    since = max(left) - SILENT_MS
    return sum(ms > since for name, ms in zip(every, left, strict=True) if not name.endswith(READS_COMPRESSED))


def _escaped(text: str) -> str:
    return "".join(f"\\{sign}" if sign in r"\*?[]" else sign for sign in text)
