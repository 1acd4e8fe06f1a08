"""Counts values that severity decisions could not use; the counts are stored outside the webhook's path."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
import structlog

from receiver.model.alert.severity_unknowns import SeverityUnknown, remedy
from receiver.model.base import rfc3339
from receiver.store.client.connection import StoreAway
from receiver.store.severity_unknowns import MOST, UnknownsList

EVERY = 5.0
"""Seconds between two writes: a crash may lose the counts since the last one, and nothing else."""
LONG = 300
"""Maximum number of stored characters of an alert's text."""

log = structlog.get_logger("receiver.unknowns")


class SeverityUnknowns:
    """The counts of one replica on their way to the store."""

    def __init__(self, store: UnknownsList) -> None:
        """Nothing is written before `flush`."""
        self.store = store
        self._waiting: dict[str, dict[str, Any]] = {}

    def note(self, unsure: Iterable[SeverityUnknown], incident: str | None, now: datetime) -> None:
        """Count the values that one decision could not use; `incident` is kept as the example."""
        at = rfc3339(now)
        for one in unsure:
            name = one.alertname[:LONG]
            field = f"{one.kind} {one.about[:LONG]} {name}"
            known = self._waiting.get(field)
            if known is None and len(self._waiting) >= MOST:
                continue
            self._waiting[field] = {
                "alertname": name,
                "kind": one.kind,
                "text": one.text[:LONG],
                "generator_url": one.generator_url[:LONG],
                "incident": incident or (known["incident"] if known else None),
                "count": known["count"] + 1 if known else 1,
                "first": known["first"] if known else at,
                "last": at,
            }

    async def flush(self) -> None:
        """Write the counts; if the store is unavailable, they are kept for the next write.

        An entry that cannot be written at all is dropped with a log line.
        """
        waiting, self._waiting = {field: row for field, row in self._waiting.items() if _writable(field, row)}, {}
        try:
            await self.store.note(waiting)
        except StoreAway as away:
            self._waiting = {**waiting, **self._waiting}
            log.debug("unknowns_write_postponed", reason=str(away))

    async def listing(self) -> list[dict[str, Any]]:
        """Return every entry with a correction, the most recent first. Raises StoreAway."""
        await self.flush()
        return [{**entry, "fix": remedy(entry["kind"])} for entry in await self.store.listing()]

    async def run(self) -> None:
        """Write every 5 s until canceled."""
        while True:
            await asyncio.sleep(EVERY)
            await self.flush()


def _writable(field: str, row: dict[str, Any]) -> bool:
    try:
        field.encode()
        orjson.dumps(row)
    except (TypeError, ValueError) as error:
        log.error("unknown_dropped", reason=type(error).__name__)
        return False
    return True
