"""Removes references to expired incidents: indexes, owners of alerts, chat channels, timers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from typing import Any

from receiver.store.client.connection import Connection, Script
from receiver.store.keys import TIMERS

TIDY = Script("incidents/drop_expired_references")
PART = 500
"""Number of entries that are checked in one step, so that other work does not wait for long."""
HASHES = ("ids", "owner", "rooms")
"""Hashes from a name to a uid."""
SETS = ("index", "uncounted", "open", "changed", "again")
"""Sorted sets of uids."""
_UID = re.compile(r"[0-9a-f]{1,48}")
"""The timers of incidents; other timers begin with `sys` or `held`."""

Entry = tuple[str, str, str]
"""Its key, its name in it, and the uid that it points to."""


class ExpiredReferences:
    """Checks all references, in steps."""

    def __init__(self, connection: Connection) -> None:
        """It has no state of its own."""
        self.connection = connection
        self.keys = connection.keys

    async def run(self, before_ms: int) -> int:
        """Remove references to expired incidents, and return the number of entries. Raises StoreAway.

        `before_ms`: only index entries of incidents that opened before then are checked.
        """
        dropped = 0
        async for part in self._parts(before_ms):
            dropped += await self._drop(part)
        return dropped

    async def _drop(self, part: list[Entry]) -> int:
        uids = list({uid for _, _, uid in part})
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            for uid in uids:
                pipe.exists(self.keys.incident(uid))
            there = await pipe.execute()
        gone = {uid for uid, known in zip(uids, there, strict=True) if not known}
        args = [field for entry in part if entry[2] in gone for field in entry]
        if not args:
            return 0
        return int(await self.connection.write(TIDY, [self.keys.named("index")], [self.keys.prefix, *args]))

    async def _parts(self, before_ms: int) -> AsyncIterator[list[Entry]]:
        for name in HASHES:
            async for found in self._scanned("hscan", name):
                yield [(name, key, uid) for key, uid in found]
        async for found in self._scanned("hscan", "summaries"):
            yield [("summaries", uid, uid) for uid, _ in found]
        async for found in self._scanned("sscan", "promised"):
            yield [("promised", uid, uid) for uid in found]
        for name in SETS:
            async for found in self._scanned("zscan", name):
                # The score in `index` and `open` is the opening time: recent incidents cannot have expired.
                old = [uid for uid, score in found if name not in ("index", "open") or score < before_ms]
                yield [(name, uid, uid) for uid in old]
        lane = f"due:{TIMERS}"
        async for found in self._scanned("zscan", lane):
            members = [(member, member.split(" ", 1)[0]) for member, _ in found]
            yield [(lane, member, uid) for member, uid in members if _UID.fullmatch(uid)]

    async def _scanned(self, command: str, name: str) -> AsyncIterator[Iterable[Any]]:
        cursor = 0
        while True:
            async with self.connection.guarded() as client:
                cursor, found = await getattr(client, command)(self.keys.named(name), cursor, count=PART)
            entries = list(found.items()) if isinstance(found, dict) else list(found)
            for first in range(0, len(entries), PART):
                yield entries[first : first + PART]
            if int(cursor) == 0:
                return
