"""Stores the published part of ended incidents, and reads it at startup."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog
from pydantic import ValidationError

from receiver.clock import Clock
from receiver.model.base import from_ms, to_ms
from receiver.model.incident.response_records import StatusUpdate
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from receiver.pipeline.open_incidents.incident_follower import IncidentFollower
from receiver.pipeline.open_incidents.public_incidents import (
    PublicIncidents,
    PublicRecord,
    public_record,
    published_update,
    shared_labels,
)
from receiver.store.client.store_errors import StoreAway
from receiver.store.cooperative_loop import in_steps
from receiver.store.public_history import PublicHistoryStore

NAME = "public_history"
EVERY = 5.0
"""Seconds between checks for ended incidents."""
KEPT = timedelta(days=400)
"""How long an incident stays in the history of the status page."""
SHOWN = timedelta(days=90)
"""Days that the bars show."""
LOOKED_AT = 5_000
"""The newest incidents that are searched once, after an upgrade, for published ones."""
STEP = 50
"""Records that are read at once: about 2 ms."""
_TIMES = ("parts_at", "opened_at", "monitoring_at", "resolved_at", "closed_at")

log = structlog.get_logger("receiver.status")


class PublicHistory:
    """One replica's copy of the history of one namespace."""

    def __init__(
        self, store: PublicHistoryStore, public: PublicIncidents, follower: IncidentFollower, clock: Clock
    ) -> None:
        """Nothing is read yet."""
        self.store = store
        self.public = public
        self.follower = follower
        self.clock = clock
        self.away: Callable[[], bool] = lambda: False
        self._loaded = False
        self._turns = -1
        self._kept: dict[str, int] = {}
        """The version in the store, by uid."""

    async def run(self) -> None:
        """Store ended incidents until canceled."""
        while True:
            if not self.away():
                try:
                    await self.run_once(self.clock.now())
                except StoreAway as away:
                    log.info("public_history_postponed", condition=away.condition)
            await asyncio.sleep(EVERY)

    async def run_once(self, now: datetime) -> None:
        """Read the history the first time, and write incidents that have ended since. Raises StoreAway."""
        if not self._loaded:
            await self._load(now)
        if self.public.turns == self._turns:
            return
        turns, over = self.public.turns, self.public.over()
        fresh = {one.uid: one for one in over if self._kept.get(one.uid) != one.version}
        await self.store.write({uid: _written(one) for uid, one in fresh.items()})
        self._kept.update({uid: one.version for uid, one in fresh.items()})
        here = {one.uid for one in over}
        known = here | {one.uid for one in self.public.open()}
        gone = [uid for uid in self._kept if uid not in known]
        await self.store.drop(gone)
        for uid in gone:
            del self._kept[uid]
        self._turns = turns

    async def _load(self, now: datetime) -> None:
        if await self.store.first():
            await self._look_back(now)
        async for uid, text in in_steps([*(await self.store.read()).items()], STEP):
            record = _read(text)
            if record is None:
                continue
            self._kept[uid] = record.version
            if record.opened_at > now - KEPT:
                self.public.remember(record)
        self.public.since = from_ms(await self.store.since(to_ms(now)))
        self._loaded = True

    async def _look_back(self, now: datetime) -> None:
        # The first start of a release with a history: earlier updates are only in the incidents themselves.
        uids = await self.follower.summaries.newest(LOOKED_AT)
        begun = now
        for first in range(0, len(uids), STEP):
            # In pages: while the store sends one long answer, notifications wait.
            found = await self.follower.summaries_of(uids[first : first + STEP])
            begun = min([begun, *(from_ms(one.opened_ms) for one in found)])
            told = [one.uid for one in found if one.public and one.state.over]
            for incident in await self.follower.incidents.many(told):
                record = public_record(incident)
                if record is not None:
                    self.public.remember(record)
        await self.store.begin_at(to_ms(begun))


def _written(record: PublicRecord) -> str:
    values: dict[str, Any] = record._asdict()
    values["updates"] = [one._asdict() for one in record.updates]
    for name in _TIMES:
        values[name] = to_ms(values[name]) if values[name] is not None else None
    return orjson.dumps(values).decode()


def _read(text: str) -> PublicRecord | None:
    try:
        values = orjson.loads(text)
        values["updates"] = tuple(published_update(StatusUpdate.model_validate(one)) for one in values["updates"])
        values["severity"], values["state"] = Severity(values["severity"]), State(values["state"])
        values["parts"], values["labels"] = tuple(values["parts"]), shared_labels(values["labels"])
        for name in _TIMES:
            values[name] = from_ms(values[name]) if values[name] is not None else None
        return PublicRecord(**{name: values[name] for name in PublicRecord._fields})
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError, ValidationError):
        log.error("public_history_read_failed")
        return None
