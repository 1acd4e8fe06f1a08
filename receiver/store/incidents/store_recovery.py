"""Detects data that the store has lost, and writes it back."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson

from receiver.model.base import to_ms
from receiver.model.incident.event import Destination
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary, pack
from receiver.model.incident.review_record import review_record_text
from receiver.store.client.connection import Connection, IncidentUnreadable, Script
from receiver.store.incidents.compressed_reader import CompressedIncidents
from receiver.store.incidents.incident_copy import IncidentCopy
from receiver.store.incidents.stored_records import packed, record_of, unreadable
from receiver.store.incidents.whole_incident import read_whole
from receiver.store.replica_names import KEPT, replica_name
from receiver.store.stored_numbers import stored_number

RECOVER = Script("incidents/begin_recovery", when_full=True)
GIVE_BACK = Script("incidents/write_back_incident")
BOARD = Script("documents/write_back_documents")
NEWER = sys.maxsize
COUNTED = 24 * 3600
"""Seconds for which the store records that the losses before an epoch were counted."""
CHECKED = 30
"""Seconds for which only one replica queries Alertmanager."""


class StoreMemory:
    """Checks the data of one namespace for one replica."""

    def __init__(self, connection: Connection) -> None:
        """The replica generates a unique name."""
        self.connection = connection
        self.keys = connection.keys
        self.me = replica_name()
        self.compressed = CompressedIncidents(connection)

    async def say(self, number: int) -> None:
        """Write an increasing number: a store with a lower one has lost data. Raises StoreAway."""
        await self.connection.call("SET", self.keys.named(f"replica:{self.me}"), number, "EX", KEPT)

    async def recover(self, known: Sequence[str], seen: int, until_ms: int) -> str:
        """Start to restore lost data, or join replicas that have started; return the current epoch.

        `known`: the epochs known so far. `seen`: the last known commit. Raises StoreAway.
        """
        args = [self.keys.prefix, secrets.token_hex(8), seen, until_ms, *known]
        return str(await self.connection.run(RECOVER, [self.keys.named("memory")], args))

    async def extend(self, epoch: str, until_ms: int) -> None:
        """Prevent all replicas from claiming due work before then. Raises StoreAway."""
        args = [self.keys.prefix, epoch, 0, until_ms]
        await self.connection.run(RECOVER, [self.keys.named("memory")], args)

    async def recovered(self) -> set[str]:
        """Return the ids of the incidents that were written back since the last loss. Raises StoreAway."""
        async with self.connection.guarded() as client:
            return set(await client.smembers(self.keys.named("recovered")))

    async def lift(self, now_ms: int) -> None:
        """Allow due work to be claimed from now on. Raises StoreAway."""
        await self.connection.call("HSET", self.keys.named("memory"), "until", now_ms)

    async def checker(self) -> bool:
        """Return whether this replica is the one that queries Alertmanager now. Raises StoreAway."""
        name = self.keys.named("checker")
        return bool(await self.connection.call("SET", name, self.me, "NX", "EX", CHECKED))

    async def counts(self, epoch: str) -> bool:
        """Return whether this replica is the one that counts the losses before `epoch`. Raises StoreAway."""
        name = self.keys.named(f"counted:{epoch}")
        return bool(await self.connection.call("SET", name, self.me, "NX", "EX", COUNTED))

    async def versions(self, uids: Sequence[str]) -> dict[str, int]:
        """Return the stored version of each of `uids`; 0 if it is not stored. Raises StoreAway.

        A version that only a later release can read counts as the newest.
        """
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            for uid in uids:
                pipe.hget(self.keys.incident(uid), "version")
            return {
                uid: stored_number(found, NEWER if found else 0)
                for uid, found in zip(uids, await pipe.execute(), strict=True)
            }

    async def diverged(self, copies: Sequence[IncidentCopy]) -> set[str]:
        """Return the uids of `copies` whose last event is not in the store's log at its place. Raises StoreAway.

        Another event was committed there after the loss, by a replica that did not have the lost one.
        """
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            for copy in copies:
                pipe.lindex(self.keys.log(copy.uid), len(copy.events) - 1)
            found = await pipe.execute() if copies else []
        other = [copy for copy, event in zip(copies, found, strict=True) if event != copy.last_event]
        return {copy.uid for copy in other if not await self._has_compressed(copy)}

    async def _has_compressed(self, copy: IncidentCopy) -> bool:
        try:
            texts = await self.compressed.texts(copy.uid)
        except IncidentUnreadable:
            return False
        return texts is not None and [*texts.events[len(copy.events) - 1 :]][:1] == [copy.last_event]

    async def copies(self, uids: Sequence[str], *, lean: bool = False) -> list[IncidentCopy]:
        """Return copies of the existing incidents of `uids` as stored. Raises StoreAway.

        `lean`: without the bodies of their alerts, which may have megabytes.
        """
        return [copy for copy in await asyncio.gather(*(self._copy(uid, lean) for uid in uids)) if copy is not None]

    async def _copy(self, uid: str, lean: bool) -> IncidentCopy | None:
        # All of it at one moment, because the written data must be consistent.
        try:
            whole = await read_whole(self.connection, uid, bodies=not lean)
        except ValueError as error:
            unreadable(uid, "", error)
            return None
        if whole is None or not stored_number(whole.version):
            return None
        state, _, _, events, alerts, bodies = whole.texts
        return IncidentCopy(uid, whole.id, int(whole.version), state, [*events], {**alerts}, {**bodies}, lean)

    async def give_back(
        self,
        copy: IncidentCopy,
        incident: Incident,
        summary: IncidentSummary,
        *,
        rows: tuple[Sequence[tuple[str, str, Destination]], Sequence[tuple[str, str, Destination]]],
        timers: Mapping[str, int],
        number: tuple[str, int, str],
        ttl_s: int,
        now_ms: int,
    ) -> str:
        """Write `copy` of `incident` back; return its id, "" if the store has the same or a newer version.

        `rows`: member, lane and destination of its pages and messages. Raises StoreAway.
        """
        await self._expand_older(copy)
        records = {name: record_of(name, text) for name, text in copy.alerts.items()}
        firing = [name for name, record in records.items() if record.firing]
        alerts: dict[str, Any] = dict(copy.alerts)
        if copy.lean:
            # Without its digest, an alert's text is written again with the next notification.
            alerts = {name: packed(record._replace(digest="")) for name, record in records.items()}
        pages, informs = ([[member, lane, to.model_dump_json()] for member, lane, to in part] for part in rows)
        header = {
            "prefix": self.keys.prefix, "uid": copy.uid, "id": copy.id, "version": copy.version,
            "past": review_record_text(incident), "opened": to_ms(incident.opened_at),
            "now": now_ms,
            "ttl": ttl_s, "open": not incident.state.over, "promised": bool(incident.actions),
            "summary": pack(summary).decode(), "keys": list(incident.keys), "owners": firing,
            "parent": [incident.parent, incident.severity.rank] if incident.held == "storm" else [],
            "split": incident.key if incident.split_from else "", "timers": list(timers.items()),
            "pages": pages, "informs": informs, "seq": incident.seq, "number": number, "lean": copy.lean,
            "n": {"events": len(copy.events), "alerts": len(copy.alerts), "bodies": len(copy.bodies)},
        }  # fmt: skip
        args: list[Any] = [orjson.dumps(header), copy.state, *copy.events]
        for bag in (alerts, copy.bodies):
            for name, text in bag.items():
                args.extend((name, text))
        return str(await self.connection.write(GIVE_BACK, [self.keys.incident(copy.uid)], args))

    async def _expand_older(self, copy: IncidentCopy) -> None:
        # The stored version may be compressed: the parts that a lean copy lacks are kept from it.
        with suppress(IncidentUnreadable):
            await self.compressed.expand(copy.uid)

    async def put_shared_documents(
        self, revision: int, documents: Mapping[str, Mapping[str, Mapping[str, Any]]]
    ) -> bool:
        """Write this replica's shared documents if the store's are older; return whether it did. Raises StoreAway."""
        args: list[Any] = [self.keys.named("board:rev"), revision]
        for kind, found in documents.items():
            for key, document in found.items():
                args.extend((f"{kind}/{key}", orjson.dumps(document)))
        return bool(await self.connection.write(BOARD, [self.keys.named("board")], args))
