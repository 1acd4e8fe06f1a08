"""Load what a decision needs, and commit what it decided."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Event
from receiver.model.incident.incident import Incident
from receiver.model.incident.partial_incident import partial_incident
from receiver.store.client.connection import Connection, IncidentUnreadable, Script
from receiver.store.client.connection_lanes import Lane
from receiver.store.client.store_errors import StoreLostData
from receiver.store.commit_mark import CommitMark
from receiver.store.incidents.commit_request import (
    CommitRequest,
    Committed,
    RepeatedNotification,
    StaleVersion,
    committed_as,
    new_token,
    record_of,
    script_arguments,
)
from receiver.store.incidents.compressed_incident import expand, is_compressed, state_in
from receiver.store.incidents.compressed_incidents import CompressedIncidents
from receiver.store.incidents.stored_records import bodies_of, event_of, incident_of, readable, records_of, unreadable
from receiver.store.incidents.written_incidents import WrittenIncidents
from receiver.store.stepped_loop import PARSED, in_steps, next_step
from receiver.store.stored_numbers import stored_number

LOAD = Script("incidents/load")
COMMIT = Script("incidents/commit")
COMMIT_WHEN_FULL = Script("incidents/commit", when_full=True)

LONGEST = 12
"""Digits of an id's number."""
SEEN_PARTS = 4
"""Parts of what a group's last notification led to."""
TOGETHER = 100
"""Snapshots that one round trip reads."""
MOST_RECEIVERS = 1000
"""Names of Alertmanager's receivers that are kept."""


@dataclass(frozen=True)
class Seen:
    """What a group's last durable notification led to."""

    digest: str
    severity: str
    uid: str
    id: str


@dataclass(frozen=True)
class Known:
    """Everything about one correlation key at one moment."""

    key: str
    pointer: str
    """The uid that the key led to, or "": checked again by the commit."""
    incident: Incident | None
    records: Mapping[str, AlertRecord]
    owners: Mapping[str, str]
    """Of the firing fingerprints: the uid that holds each, or ""."""
    tombs: Mapping[str, int]
    """Of the firing fingerprints: startsAt (ms) of an end that came without its beginning."""
    held: str
    """The notification that is held for the group, as JSON, or ""."""
    turn: int
    """How many commits there were about this key: checked again by the commit."""
    recent: int = 0
    """How many incidents have opened since the moment that was asked about."""
    storm: str = ""
    """The uid of the storm that is open, or ""."""
    apart: Mapping[str, str] = field(default_factory=dict)
    """Fingerprints that a person has split off, that end while another incident holds them, or that fire and were told
    to another team, and the correlation key where each belongs now."""
    seen: Seen | None = None
    """What the group's last durable notification led to."""
    unreadable: IncidentUnreadable | None = None
    """The incident that it is about, where this version cannot read it; `incident` is None then."""


class IncidentStore:
    """The incidents of one namespace."""

    def __init__(self, connection: Connection, *, history_s: int) -> None:
        """`history_s`: seconds that an incident is kept after its last change."""
        self.connection = connection
        self.keys = connection.keys
        self.history_s = history_s
        self.committed: list[Callable[[CommitRequest, Sequence[Any], str, int], None]] = []
        """Told of each commit: what was to be written, the script's arguments, the id and the version."""
        self.readings: Callable[[str], Sequence[str]] = lambda number: (number,)
        """The ids that an id which somebody typed may mean, itself first."""
        self.newest: CommitMark | None = None
        """The newest commit that is known here; a store that does not have it has lost data."""
        self.epoch = ""
        """The epoch of the store's memory that this replica knows; in another one the store has lost data."""
        self._drawn: dict[str, int] = {}
        """The highest number that was seen of each prefix of ids: no lower one is drawn."""
        self._written = WrittenIncidents()
        self.compressed = CompressedIncidents(connection)

    async def seen(self, groups: Sequence[str]) -> list[Seen | None]:
        """Return, for each group, what it last said: one read, which is all that a duplicate costs."""
        values = await self.connection.call("MGET", *(self.keys.seen(group) for group in groups))
        return [seen_of(value) for value in values]

    async def seen_texts(self, groups: Sequence[str], limit: float) -> list[str | None]:
        """Return the same as the store has it, for `seen_of`, within `limit` seconds of wall-clock time.

        Raises StoreAway and TimeoutError.
        """
        names = [self.keys.seen(group) for group in groups]
        texts: list[str | None] = await self.connection.read(Lane.INGEST, limit, "MGET", *names)
        return texts

    async def known(
        self, key: str, group: str, firing: Sequence[str], since_ms: int = 0, ended: Sequence[str] = (), team: str = ""
    ) -> Known:
        """Return what is known about a correlation key, a group and the fingerprints that fire, in one round trip.

        `since_ms`: openings from then on are counted as recent. `ended`: fingerprints that have ended; where they were
        split off is known too. `team`: who owns them by the configuration in force; each team has storms of its own.
        """
        said = await self.connection.run(
            LOAD,
            [self.keys.named(f"key:{key}")],
            [self.keys.prefix, group, key, len(firing), *firing, since_ms, len(ended), *ended, team],
        )
        own, uid, state, version, number, flat, owners, tombs, held, turn, recent, storm, apart, seen = said
        incident = None
        records: dict[str, AlertRecord] = {}
        condition = None
        if uid:
            try:
                incident = self._incident(uid, state, version, number)
                rows = expand(state).alerts if is_compressed(state) else dict(zip(flat[::2], flat[1::2], strict=True))
                records = {name: record_of(name, text) for name, text in rows.items()}
            except (TypeError, ValueError) as error:
                incident, records, condition = None, {}, unreadable(uid, number, error)
        return Known(
            key=key,
            pointer=own,
            incident=incident,
            records=records,
            owners=dict(zip(firing, owners, strict=True)),
            tombs={name: ms for name, tomb in zip(firing, tombs, strict=True) if (ms := stored_number(tomb))},
            held=held,
            turn=turn,
            recent=recent,
            storm=storm,
            apart=dict(zip(apart[::2], apart[1::2], strict=True)),
            seen=seen_of(seen),
            unreadable=condition,
        )

    async def commit(
        self, change: CommitRequest, *, now_ms: int, lease_ms: int, number: tuple[str, int, str], token: str = ""
    ) -> Committed:
        """Write `change`, or nothing. Raises StaleVersion; StoreAway when it may or may not have been written.

        Raises StoreLostData, and writes nothing, where the store does not have the newest known commit.

        `number` is prefix, width and suffix of an id, used when the incident is new. `token` names the commit and what
        it leases; drawn where it is not given.
        """
        token = token or new_token()
        incident = change.incident
        args = script_arguments(
            change, floor=self._drawn.get(number[0], 0), mark=self.newest, epoch=self.epoch,
            prefix=self.keys.prefix, ttl_s=self.history_s, now_ms=now_ms, lease_ms=lease_ms, token=token, number=number,
        )  # fmt: skip
        key = self.keys.incident(incident.uid if incident else "")
        moves = self.connection.moves
        script = COMMIT_WHEN_FULL if change.frees else COMMIT
        reply = await self.connection.write(script, [key], args)
        if reply[0] == "compressed" and incident is not None:
            await self.compressed.expand(incident.uid)
            reply = await self.connection.write(script, [key], args)
        if reply[0] == "repeated":
            await self.connection.confirm(moves)  # this time nothing was written that could have been waited for
            raise RepeatedNotification(*orjson.loads(reply[1]))
        if reply[0] == "lost":
            raise StoreLostData("the store does not have a commit that this replica has seen")
        if reply[0] != "ok":
            raise StaleVersion(reply[0])
        self.saw(reply[1], number)
        self.passed(CommitMark(int(reply[3]), token))
        for tell in self.committed:
            tell(change, args, reply[1], int(reply[2]))
        done = committed_as(incident, reply, token)
        if done.incident is not None:
            self._written.add(args[1], done.incident)
        return done

    def passed(self, mark: CommitMark | None) -> None:
        """Keep the mark of a commit that is in the store, where it is the newest known."""
        if mark is not None and mark.number > (self.newest.number if self.newest else 0):
            self.newest = mark

    def saw(self, number: str, parts: tuple[str, int, str]) -> None:
        """Keep that an id exists: a store that has lost its memory must not draw its number once more."""
        prefix, _, suffix = parts
        inner = number.removeprefix(prefix).removesuffix(suffix)
        if number.startswith(prefix) and inner.isascii() and inner.isdigit() and len(inner) <= LONGEST:
            self._drawn[prefix] = max(self._drawn.get(prefix, 0), int(inner))

    async def taken(self, once: str) -> RepeatedNotification | None:
        """Return what was done under this idempotency key, or None. Raises StoreAway."""
        moves = self.connection.moves
        async with self.connection.guarded() as client:
            text = await client.get(self.keys.named(f"once:{once}"))
        if not text:
            return None
        await self.connection.confirm(moves)
        return RepeatedNotification(*orjson.loads(text))

    async def incident(self, uid: str) -> Incident | None:
        """Return the snapshot of `uid`, or None.

        Raises StoreAway; IncidentUnreadable: a later version wrote it, or another one was opened in its place, to which
        it has not given way yet.
        """
        return self._current(uid, await self._snapshot(uid))

    @staticmethod
    def _current(uid: str, found: tuple[Incident | None, str]) -> Incident | None:
        incident, heir = found
        if incident is not None and heir and not incident.state.over:
            raise IncidentUnreadable(uid, incident.id)
        return incident

    async def superseded(self, uid: str) -> tuple[Incident, str] | None:
        """Return the snapshot of `uid` and the uid of what was opened in its place; None where nothing was.

        Raises StoreAway; IncidentUnreadable: it still cannot be read.
        """
        incident, heir = await self._snapshot(uid)
        if incident is None or not heir:
            return None
        rows = await self.connection.call("HLEN", self.keys.alerts(uid))
        if rows != len(await self.records(uid)):
            raise IncidentUnreadable(uid, incident.id)
        return incident, heir

    async def stands(self, uid: str) -> None:
        """Let `uid` be read again: it has given way to what was opened in its place. Raises StoreAway."""
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
        """Return the snapshot of these fields of the store; None, with a line in the log, where it cannot be read."""
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
        """Return a future, for `page_of`, of all that a page of `uid` is made of: one round trip, without a task."""
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
        """Return what can be read of the snapshot of `uid`, whichever version wrote it; None without one."""
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
        """Return the snapshots of `uids` that exist and can be read, 100 in a round trip. Raises StoreAway."""
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
        """Return how many commits there were."""
        async with self.connection.guarded() as client:
            return int(await client.get(self.keys.named("commits")) or 0)

    async def children(self, uid: str) -> dict[str, int]:
        """Return the incidents that the storm `uid` holds back, with the rank of each one's severity."""
        async with self.connection.guarded() as client:
            rows = await client.hgetall(self.keys.named(f"children:{uid}"))
        return {name: stored_number(rank, 1) for name, rank in rows.items()}

    async def opened_since(self, since_ms: int, team: str = "") -> int:
        """Return how many of `team` have opened, or fired again and called people anew, since then.

        Drills and what a maintenance window held are left out.
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
        """Return the uid of the open incident that holds each fingerprint, "" where none does."""
        if not names:
            return {}
        async with self.connection.guarded() as client:
            found = await client.hmget(self.keys.named("owner"), list(names))
        return {name: owner or "" for name, owner in zip(names, found, strict=True)}

    async def heard_since(self, receiver: str) -> int | None:
        """Return when an Alertmanager receiver that leads here was first seen; None where its name is not kept.

        In milliseconds; 0 where it was heard of before that was kept.
        """
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            pipe.sismember(self.keys.named("receivers"), receiver)
            pipe.hget(self.keys.named("receivers_since"), receiver)
            known, since = await pipe.execute()
        return stored_number(since) if known else None

    async def heard_as(self, receiver: str, at_ms: int) -> int:
        """Keep the name of an Alertmanager receiver that leads here, and return when it was first seen.

        In milliseconds; 0 where it was heard of before that was kept. Where there are too many, another one leaves.
        """
        since = self.keys.named("receivers_since")
        async with self.connection.guarded() as client:
            # Asked first: a store that is full takes no name, not even one that it has.
            pipe = self.connection.pipeline(client)
            pipe.sismember(self.keys.named("receivers"), receiver)
            pipe.hget(since, receiver)
            known, known_since = await pipe.execute()
            if known:
                return stored_number(known_since)
            if await client.scard(self.keys.named("receivers")) >= MOST_RECEIVERS:
                # Any one: a receiver that leads here comes back with what it opens next.
                await client.hdel(since, str(await client.spop(self.keys.named("receivers"))))
            if await client.sadd(self.keys.named("receivers"), receiver):
                await client.hsetnx(since, receiver, str(at_ms))
            return stored_number(await client.hget(since, receiver))

    async def receivers(self) -> set[str]:
        """Return the names of the Alertmanager receivers that lead here."""
        async with self.connection.guarded() as client:
            return set(await client.smembers(self.keys.named("receivers")))

    async def keep_room(self, place: str, uid: str) -> None:
        """Keep which incident a place in chat belongs to."""
        async with self.connection.guarded() as client:
            await client.hset(self.keys.named("rooms"), place, uid)

    async def within(self, place: str) -> Incident | None:
        """Return the incident that a place in chat belongs to; None for a place of nobody's."""
        async with self.connection.guarded() as client:
            uid: str | None = await client.hget(self.keys.named("rooms"), place)
        return await self.incident(uid) if uid else None

    async def uid_of(self, number: str) -> str | None:
        """Return the uid of `INC-2026-0001`, or of a shorter form of it (`readings`); None when there is none."""
        async with self.connection.guarded() as client:
            found: list[str | None] = await client.hmget(self.keys.named("ids"), self.readings(number))
        return next((uid for uid in found if uid), None)

    async def events(self, uid: str, after: int = 0) -> list[Event]:
        """Return the log of `uid` after sequence number `after`, oldest first."""
        return [event_of(row) for row in await self.compressed.events(uid, after)]

    async def led(self, keys: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """Return for each correlation key the uid that it leads to, "" for none, and whether that incident is open."""
        async with self.connection.guarded() as client:
            uids = [uid or "" for uid in await client.mget([self.keys.named(f"key:{key}") for key in keys])]
            pipe = self.connection.pipeline(client)
            for uid in uids:
                pipe.zscore(self.keys.named("open"), uid)
            scores = await pipe.execute()
        return {key: (uid, score is not None) for key, uid, score in zip(keys, uids, scores, strict=True)}

    async def lost(self, incident: Incident) -> frozenset[str]:
        """Return the keys of an incident that is over that lead to another one, which is open, by now."""
        if not incident.state.over or not incident.keys:
            return frozenset()
        led = await self.led(incident.keys)
        return frozenset(key for key, (uid, is_open) in led.items() if is_open and uid != incident.uid)

    async def bodies(self, uid: str) -> dict[str, dict[str, Any]]:
        """Return labels, annotations and generatorURL of every alert that is kept, by fingerprint."""
        return bodies_of(uid, await self.compressed.bodies(uid))

    async def records_of(self, uids: Sequence[str]) -> list[dict[str, AlertRecord]]:
        """Return the records of each of `uids`, in one round trip: a page of them, not all. Raises StoreAway."""
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            for uid in uids:
                pipe.hgetall(self.keys.alerts(uid))
            found = await pipe.execute()
        # Where there is nothing it may be compressed.
        texts = [rows or await self.compressed.alerts(uid) for uid, rows in zip(uids, found, strict=True)]
        return [records_of(uid, rows) for uid, rows in zip(uids, texts, strict=True)]

    async def records(self, uid: str) -> dict[str, AlertRecord]:
        """Return the record of every alert that is kept, by fingerprint. Raises StoreAway."""
        return records_of(uid, await self.compressed.alerts(uid))

    async def receipts(self, uid: str) -> list[dict[str, Any]]:
        """Return what vendors answered, oldest first."""
        async with self.connection.guarded() as client:
            rows = await client.lrange(self.keys.receipts(uid), 0, -1)
        return [orjson.loads(row) for row in rows]

    async def add_receipt(self, uid: str, receipt: Mapping[str, Any]) -> None:
        """Keep what a vendor reports later; nothing where no receipt is kept anymore. Raises StoreAway."""
        await self.connection.call("RPUSHX", self.keys.receipts(uid), orjson.dumps(dict(receipt)))

    async def receipts_of(self, uids: Sequence[str]) -> list[list[dict[str, Any]]]:
        """Return what vendors answered about each of `uids`, in one round trip: a page of them, not all.

        Raises StoreAway.
        """
        if not uids:
            return []
        async with self.connection.guarded():
            replies = await self.connection.read_all([("LRANGE", self.keys.receipts(uid), 0, -1) for uid in uids])
        return [[orjson.loads(row) for row in rows] for rows in replies]

    async def listing(self, *, open_only: bool = False, before: float | None = None, most: int = 100) -> list[Incident]:
        """Return incidents, newest first; `before` is the opened_at (ms) after which a page starts, exclusive."""
        async with self.connection.guarded() as client:
            top = "+inf" if before is None else f"({before:.0f}"
            index = self.keys.named("open" if open_only else "index")
            uids = await client.zrange(index, top, "-inf", desc=True, byscore=True, offset=0, num=most)
        return await self.many(uids)


def seen_of(text: str | None) -> Seen | None:
    """Return what a text of the store says that a group has said last; None where nothing is known."""
    # In another form it is of a later version: then nothing is known, and the notification is decided about.
    parts = text.split("|", 3) if text else []
    return Seen(*parts) if len(parts) == SEEN_PARTS else None
