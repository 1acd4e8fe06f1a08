"""Compresses finished incidents that have not changed for a while, in the order of their last commits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

import orjson

from receiver.model.base import to_ms
from receiver.store.client.connection import Connection, IncidentUnreadable, Script
from receiver.store.incidents.compressed_format import compress
from receiver.store.incidents.compressed_reader import CompressedIncidents
from receiver.store.incidents.whole_incident import read_whole
from receiver.store.stored_numbers import stored_number

COMPRESS = Script("incidents/compress_incident")
PART = 100
"""Number of incidents whose age is read in one round trip."""


class IncidentCompressor:
    """Compresses incidents up to a cursor in the store: the number of the last commit that was checked.

    Incidents that change later have a commit with a higher number (`changed`), so they are checked again.
    """

    def __init__(self, connection: Connection) -> None:
        """It has no state of its own."""
        self.connection = connection
        self.keys = connection.keys
        self.compressed = CompressedIncidents(connection)
        self._place = self.keys.named("compressed")

    async def begun_ms(self, now_ms: int) -> int:
        """Return when a compressing release first used this store, in ms: now, if this is the first time.

        Raises StoreAway.
        """
        known = stored_number(await self.connection.call("HGET", self._place, "since"))
        if not 0 < known <= now_ms:  # a time in the future was written by a wrong clock
            known = now_ms
            await self.connection.call("HSET", self._place, "since", known)
        return known

    async def compress(self, before_ms: int, most: int) -> tuple[int, bool]:
        """Compress finished incidents that have not changed since `before_ms`, checking at most `most`.

        Returns how many were compressed, and whether there are more to check. Raises StoreAway.
        """
        upto = await self._upto()
        async with self.connection.guarded() as client:
            rows = await client.zrange(
                self.keys.named("changed"), f"({upto}", "+inf", byscore=True, withscores=True, offset=0, num=most
            )
        count, done = 0, upto
        for first in range(0, len(rows), PART):
            part = rows[first : first + PART]
            for (uid, number), changed_ms in zip(part, await self._changed_ms([uid for uid, _ in part]), strict=True):
                if changed_ms is not None and changed_ms >= before_ms:
                    await self._reached(done)
                    return count, False
                count += changed_ms is not None and await self._compress_one(uid)
                done = int(number)
            await self._reached(done)
        return count, len(rows) == most

    async def restore(self, most: int) -> tuple[int, bool]:
        """Expand compressed incidents, newest first, checking at most `most`.

        Returns how many were expanded, and whether there are more to check. Raises StoreAway.
        """
        upto, changed = await self._upto(), self.keys.named("changed")
        async with self.connection.guarded() as client:
            # A run may have been interrupted after the cursor.
            part = await client.zrange(changed, f"({upto}", "+inf", byscore=True, offset=0, num=PART)
            rows = await client.zrange(
                changed, upto, "-inf", desc=True, byscore=True, withscores=True, offset=0, num=most
            )
        count = 0
        for uid in (*part, *(uid for uid, _ in rows)):
            with suppress(IncidentUnreadable):  # logged; the others are still expanded
                count += await self.compressed.expand(uid)
        more = len(rows) == most
        if upto:
            await self._reached(int(rows[-1][1]) - 1 if more else 0)
        return count, more

    async def _upto(self) -> int:
        async with self.connection.guarded():
            upto, commits = await self.connection.read_all(
                [("HGET", self._place, "upto"), ("GET", self.keys.named("commits"))]
            )
        # A store that has lost its data counts commits from the start.
        return known if (known := stored_number(upto)) <= stored_number(commits) else 0

    async def _reached(self, number: int) -> None:
        await self.connection.call("HSET", self._place, "upto", number)

    async def _changed_ms(self, uids: Sequence[str]) -> list[int | None]:
        # When each last changed; None if it is open, compressed, or has no time.
        commands: list[tuple[str | int, ...]] = [("ZSCORE", self.keys.named("open"), uid) for uid in uids]
        commands += [("LINDEX", self.keys.log(uid), -1) for uid in uids]
        async with self.connection.guarded():
            found = await self.connection.read_all(commands)
        scores, events = found[: len(uids)], found[len(uids) :]
        return [None if score is not None else _at_ms(event) for score, event in zip(scores, events, strict=True)]

    async def _compress_one(self, uid: str) -> bool:
        try:
            whole = await read_whole(self.connection, uid)
        except ValueError:
            return False  # it is already compressed
        if whole is None or whole.is_compressed or not whole.texts.events or _fires(whole.texts.state):
            return False
        text = await asyncio.to_thread(compress, whole.texts)
        if text is None:
            return False
        _, _, similar, events, alerts, bodies = whole.texts
        args = [self.keys.prefix, uid, whole.version, len(events), len(alerts), len(bodies), similar, text]
        return bool(await self.connection.write(COMPRESS, [self.keys.incident(uid)], args))


def _at_ms(event: str | None) -> int | None:
    try:
        return to_ms(datetime.fromisoformat(orjson.loads(event or "null")["at"]))
    except (ValueError, TypeError, KeyError):
        return None


def _fires(state: str) -> bool:
    # A person closed it while its alerts fire: their ends will still arrive. Unreadable incidents are also skipped.
    try:
        return bool(orjson.loads(state).get("firing"))
    except (ValueError, AttributeError):
        return True
