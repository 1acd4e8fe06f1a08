"""The names of replicas in the store: they say which forms of incidents a replica reads."""

from __future__ import annotations

import secrets

from receiver.store.client.connection import Connection

KEPT = 86_400
"""Seconds for which the store keeps a replica's name after its last sign of life."""
READS_COMPRESSED = "-z1"
"""The end of the name of a replica whose release reads compressed incidents. Earlier releases have no such end."""
SILENT_MS = 600_000
"""A replica that has been silent for so long, while another one was not, has ended: each writes every two seconds."""
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
        found += names
        if int(cursor) == 0:
            break
    every = list(dict.fromkeys(found))
    if all(name.endswith(READS_COMPRESSED) for name in every):
        return 0
    async with connection.guarded():
        left = [int(ms) for ms in await connection.read_all([("PTTL", name) for name in every])]
    # A store whose memory is full takes no sign of life from anyone: then the silence of all says nothing of one.
    since = max(left) - SILENT_MS
    return sum(ms > since for name, ms in zip(every, left, strict=True) if not name.endswith(READS_COMPRESSED))


def _escaped(text: str) -> str:
    return "".join(f"\\{sign}" if sign in r"\*?[]" else sign for sign in text)
