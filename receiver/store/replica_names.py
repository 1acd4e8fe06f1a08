"""The names of replicas in the store: they say which forms of incidents a replica reads."""

from __future__ import annotations

import secrets

from receiver.store.client.connection import Connection

KEPT = 86_400
"""Seconds for which the store keeps a replica's name after its last sign of life."""
READS_COMPRESSED = "-z1"
"""The end of the name of a replica whose release reads compressed incidents. Earlier releases have no such end."""
SILENT_MS = 600_000
"""After so long without a sign of life a replica has ended: it writes one every two seconds."""
SCANNED = 1000


def replica_name() -> str:
    """Return a name that no other replica has."""
    return secrets.token_hex(8) + READS_COMPRESSED


async def earlier_replicas(connection: Connection) -> int:
    """Return how many replicas run that cannot read compressed incidents. Raises StoreAway.

    It looks at every key of the store, a thousand at a time: not for every request.
    """
    prefix, cursor, found = connection.keys.named("replica:"), 0, list[str]()
    while True:
        async with connection.guarded() as client:
            cursor, names = await client.scan(cursor, match=f"{_escaped(prefix)}*", count=SCANNED)
        found += [name for name in names if not name.endswith(READS_COMPRESSED)]
        if int(cursor) == 0:
            break
    if not found:
        return 0
    async with connection.guarded():
        left = await connection.read_all([("PTTL", name) for name in dict.fromkeys(found)])
    return sum(int(ms) > KEPT * 1000 - SILENT_MS for ms in left)


def _escaped(text: str) -> str:
    return "".join(f"\\{sign}" if sign in r"\*?[]" else sign for sign in text)
