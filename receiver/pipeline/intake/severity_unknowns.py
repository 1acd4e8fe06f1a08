"""What severities were decided without, gathered here and written off the webhook's way."""

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
"""Seconds between two writes: a crash may lose what was counted since, and no more than counts are lost."""
LONG = 300
"""Characters kept of a text of an alert."""

log = structlog.get_logger("receiver.unknowns")


class SeverityUnknowns:
    """The counts of one replica on their way to the store."""

    def __init__(self, store: UnknownsList) -> None:
        """Nothing is written before `flush`."""
        self.store = store
        self._waiting: dict[str, dict[str, Any]] = {}

    def note(self, unsure: Iterable[SeverityUnknown], incident: str | None, now: datetime) -> None:
        """Count what one decision was made without; `incident` stands as the example."""
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
        """Write what has been counted; where the store is away it is kept for the next time.

        An entry that cannot be written at all is dropped with a line in the log.
        """
        waiting, self._waiting = {field: row for field, row in self._waiting.items() if _writable(field, row)}, {}
        try:
            await self.store.note(waiting)
        except StoreAway as away:
            self._waiting = {**waiting, **self._waiting}
            log.debug("unknowns_write_postponed", reason=str(away))

    async def listing(self) -> list[dict[str, Any]]:
        """Return every entry with what would be right, that seen last first. Raises StoreAway."""
        await self.flush()
        return [{**entry, "fix": remedy(entry["kind"])} for entry in await self.store.listing()]

    async def run(self) -> None:
        """Write every 5 s, for ever."""
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
