"""Reads incidents from the store: snapshots, logs, alerts and receipts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import orjson

from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Event
from receiver.model.incident.incident import Incident
from receiver.model.incident.partial_incident import partial_incident
from receiver.store.client.connection import Connection, IncidentUnreadable
from receiver.store.cooperative_loop import PARSED, in_steps, next_step
from receiver.store.incidents.compressed_format import expand, state_in
from receiver.store.incidents.compressed_reader import CompressedIncidents
from receiver.store.incidents.stored_records import bodies_of, event_of, incident_of, readable, records_of, unreadable
from receiver.store.incidents.written_incidents import WrittenIncidents
from receiver.store.stored_numbers import stored_number

TOGETHER = 100
"""Number of snapshots that one round trip reads."""


class IncidentReader:
    """Reads the incidents of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """It has no state of its own."""
        self.connection = connection
        self.keys = connection.keys
        self.readings: Callable[[str], Sequence[str]] = lambda number: (number,)
        """Returns the ids that a typed id may stand for, itself first."""
        self._written = WrittenIncidents()
        self.compressed = CompressedIncidents(connection)

    async def incident(self, uid: str) -> Incident | None:
        """Return the snapshot of `uid`, or None.

        Raises StoreAway; IncidentUnreadable: a later version wrote it, or another one was opened in its place and has
        not taken over yet.
        """
        return self._current(uid, await self._snapshot(uid))

    @staticmethod
    def _current(uid: str, found: tuple[Incident | None, str]) -> Incident | None:
        incident, heir = found
        if incident is not None and heir and not incident.state.over:
            raise IncidentUnreadable(uid, incident.id)
        return incident

    async def superseded(self, uid: str) -> tuple[Incident, str] | None:
        """Return the snapshot of `uid` and the uid of its successor; None if it has no successor.

        Raises StoreAway; IncidentUnreadable: it still cannot be read.
        """
        incident, heir = await self._snapshot(uid)
        if incident is None or not heir:
            return None
        rows = await self.compressed.alerts(uid)
        if len(rows) != len(records_of(uid, rows)):
            raise IncidentUnreadable(uid, incident.id)
        return incident, heir

    async def stands(self, uid: str) -> None:
        """Make `uid` readable again, because its successor has taken over. Raises StoreAway."""
        await self.connection.call("HDEL", self.keys.incident(uid), "superseded")

    async def _snapshot(self, uid: str) -> tuple[Incident | None, str]:
        return self._parsed(uid, await self.connection.call(*self._state(uid)))

    def _incident(self, uid: str, state: str, version: str | int, number: str) -> Incident:
        known = self._written.get(uid, state, version, number)
        if known is None:
            known = incident_of(state, version, number)
            self._written.add(state, known)
        return known

    def read_again(self, uid: str, state: str, version: str, number: str) -> Incident | None:
        """Return the snapshot of these stored fields; None, with a log line, if it cannot be read."""
        known = self._written.get(uid, state, version, number) or readable(uid, state, version, number)
        if known is not None:
            self._written.add(state, known)
        return known

    def _state(self, uid: str) -> Sequence[Any]:
        return "HMGET", self.keys.incident(uid), "state", "version", "id", "superseded", "compressed"

    def _parsed(self, uid: str, row: Sequence[str]) -> tuple[Incident | None, str]:
        state, version, number, heir, compressed = row
        if not state and not compressed:
            return None, heir or ""
        try:
            return self._incident(uid, state or compressed, version, number), heir or ""
        except ValueError as error:
            raise unreadable(uid, number or "", error) from None

    def ask_page(self, uid: str) -> asyncio.Future[list[Any]]:
        """Return a future, for `page_of`, of all data for a page of `uid`: one round trip, without a task."""
        return self.connection.ask(
            self._state(uid), ("HGETALL", self.keys.alerts(uid)), ("HGETALL", self.keys.bodies(uid))
        )

    def page_of(
        self, uid: str, replies: Sequence[Any]
    ) -> tuple[Incident | None, dict[str, AlertRecord], dict[str, dict[str, Any]]]:
        """Return snapshot, records and bodies of `uid`, as `incident`, `records` and `bodies` do; raises as they do."""
        row, records, bodies = self.connection.checked(replies)
        incident = self._current(uid, self._parsed(uid, row))
        if not row[0] and row[-1]:
            records, bodies = expand(row[-1])[-2:]
        return incident, records_of(uid, records), bodies_of(uid, bodies)

    async def partial(self, uid: str, now: datetime) -> Incident | None:
        """Return the readable parts of the snapshot of `uid`, from any version; None without a snapshot."""
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            pipe.hmget(self.keys.incident(uid), ["state", "version", "id", "compressed"])
            pipe.zscore(self.keys.named("open"), uid)
            (state, version, number, compressed), opened = await pipe.execute()
        if not state and not compressed:
            return None
        with suppress(ValueError):
            state = state or state_in(compressed)
        is_open, version = opened is not None, stored_number(version)
        return partial_incident(uid, number or "", version, state or "", is_open=is_open, now=now)

    async def many(self, uids: Sequence[str]) -> list[Incident]:
        """Return the snapshots of `uids` that exist and can be read, 100 per round trip. Raises StoreAway."""
        found: list[Incident] = []
        for first in range(0, len(uids), TOGETHER):
            part = uids[first : first + TOGETHER]
            async with self.connection.guarded():
                wanted = [("HMGET", self.keys.incident(uid), "state", "version", "id", "compressed") for uid in part]
                rows = await self.connection.read_all(wanted)
            if len(part) >= PARSED:
                await next_step()
            async for uid, (state, version, number, compressed) in in_steps(zip(part, rows, strict=True), PARSED):
                text = state or compressed
                one = readable(uid, text, version, number) if text else None
                if one is not None:
                    found.append(one)
        return found

    async def commits(self) -> int:
        """Return the number of commits."""
        async with self.connection.guarded() as client:
            return int(await client.get(self.keys.named("commits")) or 0)

    async def children(self, uid: str) -> dict[str, int]:
        """Return the incidents that the storm `uid` holds, with the rank of each one's severity."""
        async with self.connection.guarded() as client:
            rows = await client.hgetall(self.keys.named(f"children:{uid}"))
        return {name: stored_number(rank, 1) for name, rank in rows.items()}

    async def opened_since(self, since_ms: int, team: str = "") -> int:
        """Return how many incidents of `team` have opened, or fired and paged again, since then.

        Drills and incidents held by a maintenance window are excluded.
        """
        if team:
            return int(await self.connection.call("ZCOUNT", self.keys.named(f"opened:{team}"), since_ms, "+inf"))
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            for name in ("index", "again", "uncounted"):
                pipe.zcount(self.keys.named(name), since_ms, "+inf")
            every, again, uncounted = await pipe.execute()
        return int(every) + int(again) - int(uncounted)

    async def owners(self, names: Sequence[str]) -> dict[str, str]:
        """Return the uid of the open incident that owns each fingerprint; "" if none does."""
        if not names:
            return {}
        async with self.connection.guarded() as client:
            found = await client.hmget(self.keys.named("owner"), list(names))
        return {name: owner or "" for name, owner in zip(names, found, strict=True)}

    async def keep_room(self, place: str, uid: str) -> None:
        """Store which incident a chat channel belongs to."""
        async with self.connection.guarded() as client:
            await client.hset(self.keys.named("rooms"), place, uid)

    async def within(self, place: str) -> Incident | None:
        """Return the incident that a chat channel belongs to; None if it belongs to none."""
        async with self.connection.guarded() as client:
            uid: str | None = await client.hget(self.keys.named("rooms"), place)
        return await self.incident(uid) if uid else None

    async def uid_of(self, number: str) -> str | None:
        """Return the uid of `INC-2026-0001`, or of a shorter form of it (`readings`); None if there is none."""
        async with self.connection.guarded() as client:
            found: list[str | None] = await client.hmget(self.keys.named("ids"), self.readings(number))
        return next((uid for uid in found if uid), None)

    async def uids_of(self, numbers: Sequence[str]) -> list[str]:
        """Return the uids of those of `numbers` that exist, each as it stands in full. Raises StoreAway."""
        if not numbers:
            return []
        async with self.connection.guarded() as client:
            found: list[str | None] = await client.hmget(self.keys.named("ids"), list(numbers))
        return [uid for uid in found if uid]

    async def events(self, uid: str, after: int = 0) -> list[Event]:
        """Return the log of `uid` after sequence number `after`, oldest first."""
        return [event_of(row) for row in await self.compressed.events(uid, after)]

    async def led(self, keys: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """Return the uid that each correlation key points to ("" for none), and whether that incident is open."""
        async with self.connection.guarded() as client:
            uids = [uid or "" for uid in await client.mget([self.keys.named(f"key:{key}") for key in keys])]
            pipe = self.connection.pipeline(client)
            for uid in uids:
                pipe.zscore(self.keys.named("open"), uid)
            scores = await pipe.execute()
        return {key: (uid, score is not None) for key, uid, score in zip(keys, uids, scores, strict=True)}

    async def lost(self, incident: Incident) -> frozenset[str]:
        """Return the keys of a finished incident that now point to another, open incident."""
        if not incident.state.over or not incident.keys:
            return frozenset()
        led = await self.led(incident.keys)
        return frozenset(key for key, (uid, is_open) in led.items() if is_open and uid != incident.uid)

    async def bodies(self, uid: str) -> dict[str, dict[str, Any]]:
        """Return labels, annotations and generatorURL of every stored alert, by fingerprint."""
        return bodies_of(uid, await self.compressed.bodies(uid))

    async def records_of(self, uids: Sequence[str]) -> list[dict[str, AlertRecord]]:
        """Return the records of each of `uids`, in one round trip: a page of them, not all. Raises StoreAway."""
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            for uid in uids:
                pipe.hgetall(self.keys.alerts(uid))
            found = await pipe.execute()
        # If there is nothing, it may be compressed.
        texts = [rows or await self.compressed.alerts(uid) for uid, rows in zip(uids, found, strict=True)]
        return [records_of(uid, rows) for uid, rows in zip(uids, texts, strict=True)]

    async def records(self, uid: str) -> dict[str, AlertRecord]:
        """Return the record of every stored alert, by fingerprint. Raises StoreAway."""
        return records_of(uid, await self.compressed.alerts(uid))

    async def receipts(self, uid: str) -> list[dict[str, Any]]:
        """Return the receipts of vendors, oldest first."""
        async with self.connection.guarded() as client:
            rows = await client.lrange(self.keys.receipts(uid), 0, -1)
        return [orjson.loads(row) for row in rows]

    async def add_receipt(self, uid: str, receipt: Mapping[str, Any]) -> None:
        """Store a later report of a vendor, unless the incident's receipts have expired. Raises StoreAway."""
        await self.connection.call("RPUSHX", self.keys.receipts(uid), orjson.dumps(dict(receipt)))

    async def receipts_of(self, uids: Sequence[str]) -> list[list[dict[str, Any]]]:
        """Return the receipts of each of `uids`, in one round trip: for one page of incidents, not all.

        Raises StoreAway.
        """
        if not uids:
            return []
        async with self.connection.guarded():
            replies = await self.connection.read_all([("LRANGE", self.keys.receipts(uid), 0, -1) for uid in uids])
        return [[orjson.loads(row) for row in rows] for rows in replies]

    async def listing(self, *, open_only: bool = False, before: float | None = None, most: int = 100) -> list[Incident]:
        """Return incidents, newest first; `before`: the opened_at (ms) at which the page starts, exclusive."""
        async with self.connection.guarded() as client:
            top = "+inf" if before is None else f"({before:.0f}"
            index = self.keys.named("open" if open_only else "index")
            uids = await client.zrange(index, top, "-inf", desc=True, byscore=True, offset=0, num=most)
        return await self.many(uids)
