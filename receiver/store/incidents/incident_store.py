"""Loads the state that a decision needs, and commits the decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from receiver.model.incident.alert_record import AlertRecord
from receiver.store.client.connection import Connection, Script
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
)
from receiver.store.incidents.commit_script import script_arguments
from receiver.store.incidents.compressed_format import expand, is_compressed
from receiver.store.incidents.incident_reader import IncidentReader
from receiver.store.incidents.known_incident import Known, Seen, seen_of
from receiver.store.incidents.stored_records import record_of, unreadable
from receiver.store.stored_numbers import stored_number

LOAD = Script("incidents/load")
COMMIT = Script("incidents/commit")
COMMIT_WHEN_FULL = Script("incidents/commit", when_full=True)

LONGEST = 12
"""Maximum number of digits in an id."""


class IncidentStore(IncidentReader):
    """The incidents of one namespace."""

    def __init__(self, connection: Connection, *, history_s: int) -> None:
        """`history_s`: seconds for which an incident is kept after its last change."""
        super().__init__(connection)
        self.history_s = history_s
        self.committed: list[Callable[[CommitRequest, Sequence[Any], str, int], None]] = []
        """Called with each commit: the request, the script's arguments, the id and the version."""
        self.newest: CommitMark | None = None
        """The newest commit known here; a store that lacks it has lost data."""
        self.epoch = ""
        """The epoch of the store that this replica knows; a different one means that the store has lost data."""
        self._drawn: dict[str, int] = {}
        """The highest number seen for each prefix of ids: no lower one is used."""

    async def seen(self, groups: Sequence[str]) -> list[Seen | None]:
        """Return the last state of each group: one read, which is the whole cost of a duplicate."""
        values = await self.connection.call("MGET", *(self.keys.seen(group) for group in groups))
        return [seen_of(value) for value in values]

    async def seen_texts(self, groups: Sequence[str], limit: float) -> list[str | None]:
        """Return the same as stored text, for `seen_of`, within `limit` seconds of wall-clock time.

        Raises StoreAway and TimeoutError.
        """
        names = [self.keys.seen(group) for group in groups]
        texts: list[str | None] = await self.connection.read(Lane.INGEST, limit, "MGET", *names)
        return texts

    async def known(
        self, key: str, group: str, firing: Sequence[str], since_ms: int = 0, ended: Sequence[str] = (), team: str = ""
    ) -> Known:
        """Return the known state of a correlation key, a group and its firing fingerprints, in one round trip.

        `since_ms`: openings from then on count as recent. `ended`: fingerprints that have ended; the result includes
        where they were split off to. `team`: their owner by the current configuration, because each team has its own
        storms.
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
        """Write `change`, or nothing. Raises StaleVersion; StoreAway if it may or may not have been written.

        Raises StoreLostData, and writes nothing, if the store lacks the newest known commit. `number`: prefix, width
        and suffix of an id, used if the incident is new. `token` identifies the commit and its leases; generated if not
        given.
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
            await self.connection.confirm(moves)  # this time nothing was written, so there is nothing to wait for
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
        """Keep the mark of a stored commit, if it is the newest known."""
        if mark is not None and mark.number > (self.newest.number if self.newest else 0):
            self.newest = mark

    def saw(self, number: str, parts: tuple[str, int, str]) -> None:
        """Remember that an id exists, because a store that has lost data must not use its number again."""
        prefix, _, suffix = parts
        inner = number.removeprefix(prefix).removesuffix(suffix)
        if number.startswith(prefix) and inner.isascii() and inner.isdigit() and len(inner) <= LONGEST:
            self._drawn[prefix] = max(self._drawn.get(prefix, 0), int(inner))

    async def taken(self, once: str) -> RepeatedNotification | None:
        """Return the result stored under this idempotency key, or None. Raises StoreAway."""
        moves = self.connection.moves
        async with self.connection.guarded() as client:
            text = await client.get(self.keys.named(f"once:{once}"))
        if not text:
            return None
        await self.connection.confirm(moves)
        return RepeatedNotification(*orjson.loads(text))
