"""The summaries of open incidents, read in pages, with which a replica fills and updates its cache."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary, unpack
from receiver.store.client.connection import Script
from receiver.store.cooperative_loop import PARSED
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.incidents.stored_records import readable
from receiver.store.stored_numbers import stored_number

SUMMARIES = Script("incidents/read_summaries")
PAGE = 200
"""Maximum number of incidents that one call reads."""


class OpenSummaries:
    """The data of each incident for listing, counting and paging."""

    def __init__(self, incidents: IncidentStore) -> None:
        """`incidents` reads the snapshot if there is no summary that this version can read."""
        self.incidents = incidents
        self.connection = incidents.connection
        self.keys = incidents.keys

    async def open_from(self, opened_ms: float, most: int) -> list[tuple[str, float]]:
        """Return uid and opened_ms of at most `most` open incidents that opened then or later, oldest first.

        Raises StoreAway.
        """
        async with self.connection.guarded() as client:
            rows: list[tuple[str, float]] = await client.zrange(
                self.keys.named("open"), opened_ms, "+inf", byscore=True, offset=0, num=most, withscores=True
            )
        return rows

    async def changed_after(self, number: int, most: int) -> list[tuple[str, int]]:
        """Return uid and number of at most `most` commits after commit `number`, in order. Raises StoreAway."""
        async with self.connection.guarded() as client:
            rows = await client.zrange(
                self.keys.named("changed"), f"({number}", "+inf", byscore=True, offset=0, num=most, withscores=True
            )
        return [(uid, int(score)) for uid, score in rows]

    async def newest(self, most: int) -> list[str]:
        """Return the uids of the newest incidents, open or finished. Raises StoreAway."""
        async with self.connection.guarded() as client:
            uids: list[str] = await client.zrange(self.keys.named("index"), 0, most - 1, desc=True)
        return uids

    async def opened_before(self, opened_ms: int | None, most: int) -> list[tuple[str, int]]:
        """Return uid and opened_ms of at most `most` incidents opened before then (None: of all), newest first.

        Raises StoreAway.
        """
        top = "+inf" if opened_ms is None else f"({opened_ms}"
        async with self.connection.guarded() as client:
            rows = await client.zrange(
                self.keys.named("index"), top, "-inf", desc=True, byscore=True, offset=0, num=most, withscores=True
            )
        return [(uid, int(score)) for uid, score in rows]

    async def read(self, uids: Sequence[str]) -> list[IncidentSummary | Incident]:
        """Return each existing, readable incident of `uids`: its summary, or its snapshot if it has none.

        Raises StoreAway.
        """
        rows = await self.connection.run(SUMMARIES, [self.keys.named("summaries")], [self.keys.prefix, *uids])
        found: list[IncidentSummary | Incident] = []
        unknown: list[str] = []
        parsed = 0
        for uid, number, version, text, state in zip(*[iter(rows)] * 5, strict=True):
            one = unpack(uid, number, stored_number(version), text) if text else readable(uid, state, version, number)
            parsed += not text
            if parsed == PARSED:
                parsed = 0
                await asyncio.sleep(0)
            if one is not None:
                found.append(one)
            elif text:
                unknown.append(uid)
        return [*found, *await self.incidents.many(unknown)]
