"""Reads the review records of incidents in bulk, for reports over months."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import orjson
import structlog

from receiver.model.incident.incident import Incident
from receiver.model.incident.review_record import review_record_fields
from receiver.store.client.connection import Connection, Script
from receiver.store.cooperative_loop import TimedSteps
from receiver.store.incidents.compressed_format import expand, is_compressed

log = structlog.get_logger("receiver.store")

PASTS = Script("incidents/read_review_records")
PART = 200
"""Number of incidents per round trip: reading them takes some milliseconds, during which no other task runs."""
PAGE = 1000
"""Number of ids that are read at once: a month may have hundreds of thousands."""


class ReviewRecordReader:
    """Reads the review records of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """It has no state of its own."""
        self.connection = connection
        self.keys = connection.keys

    async def since(self, begins_ms: int) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        """Yield id and review record of every incident that has opened since then, is open, or has action items.

        Each once, in no order. Raises StoreAway.
        """
        after, offset, page = float(begins_ms), 0, [("", 0.0)]
        while page:
            async with self.connection.guarded() as client:
                page = await client.zrange(
                    self.keys.named("index"), after, "+inf", byscore=True, withscores=True, offset=offset, num=PAGE
                )
            for first in range(0, len(page), PART):
                for one in await self._part([uid for uid, _ in page[first : first + PART]]):
                    yield one
            if page:
                # The next page begins with the last score of this one, after those that were read.
                last = page[-1][1]
                offset = sum(score == last for _, score in page) + (offset if last == after else 0)
                after = last
        async for one in self._older(begins_ms):
            yield one

    async def _older(self, begins_ms: int) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        """Yield incidents that are open, or have action items, and opened before `begins_ms`."""
        async with self.connection.guarded() as client:
            uids = dict.fromkeys(await client.zrange(self.keys.named("open"), 0, -1))
            uids |= dict.fromkeys(await client.smembers(self.keys.named("promised")))
        every = list(uids)
        for first in range(0, len(every), PART):
            part = every[first : first + PART]
            async with self.connection.guarded() as client:
                scores = await client.zmscore(self.keys.named("index"), part)
            older = [uid for uid, score in zip(part, scores, strict=True) if score is None or score < begins_ms]
            for one in await self._part(older) if older else ():
                yield one

    async def promised(self) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        """Yield id and review record of every incident with action items. Raises StoreAway."""
        async with self.connection.guarded() as client:
            every = sorted(await client.smembers(self.keys.named("promised")))
        for first in range(0, len(every), PART):
            for one in await self._part(every[first : first + PART]):
                yield one

    async def _part(self, uids: Sequence[str]) -> list[tuple[str, Mapping[str, Any]]]:
        flat = await self.connection.run(PASTS, [self.keys.named("index")], [self.keys.prefix, *uids])
        found, steps = [], TimedSteps()
        for uid, number, text in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
            try:
                known = _record(text)
            except (ValueError, TypeError) as error:
                # An unreadable one must not hide the figures of all others.
                log.error("past_incident_read_failed", uid=uid, id=number, error=type(error).__name__)
                continue
            found.append((number, known))
            # A snapshot takes a fifth of a millisecond, and a compressed one with thousands of alerts far more.
            await steps.pause()
        return found

    async def absorbed(self, counts: Mapping[str, int]) -> None:
        """Add to the counts of duplicates by month. Raises StoreAway."""
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            for month, count in counts.items():
                pipe.hincrby(self.keys.named("absorbed"), month, count)
            await pipe.execute()

    async def absorbed_in(self, month: str) -> int:
        """Return the number of duplicates in a month."""
        async with self.connection.guarded() as client:
            return int(await client.hget(self.keys.named("absorbed"), month) or 0)


def _record(text: str) -> Mapping[str, Any]:
    """Return a stored review record, or one built from the snapshot.

    An open incident has no record of its own, nor has one from before records were stored. Raises ValueError,
    TypeError.
    """
    if is_compressed(text):
        texts = expand(text)
        text = texts.past or texts.state
    known: Mapping[str, Any] = orjson.loads(text)
    return review_record_fields(Incident.model_validate(known)) if "uid" in known else known
