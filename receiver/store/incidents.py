"""Load what a decision needs, and commit what it decided."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from receiver.model.event import Destination, Event
from receiver.model.incident import AlertRecord, Incident
from receiver.model.past import past_fields
from receiver.model.severity import Severity
from receiver.store.connection import Connection, Script

LOAD = Script("load")
COMMIT = Script("commit")


class Stale(Exception):
    """Somebody else committed first: decide again on fresh state."""


class Repeated(Exception):
    """A door has taken this before, under the same key: nothing was written now."""

    def __init__(self, uid: str, number: str, version: int, what: str) -> None:
        """`what` is the text that was kept with it the first time."""
        super().__init__(f"taken before, by {number}")
        self.uid = uid
        self.id = number
        self.version = version
        self.what = what


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
    """Fingerprints that a person has split off, and the correlation key where each belongs now."""


@dataclass(frozen=True)
class Row:
    """One destination that is owed something: `last` is the sequence number of the last event addressed to it."""

    member: str
    lane: str
    to: Destination
    last: int
    memory: dict[str, Any] | None = None
    """Set when something is known to have been sent before (an adopted emergency page)."""
    tries: int = 0


@dataclass(frozen=True)
class Change:
    """What one decision wants written. `incident` None: only tombs and digests."""

    incident: Incident | None
    about: Incident | None = None
    """With no incident to write: the one that the notification repeats, so that its next copy is answered from it."""
    events: Sequence[Event] = ()
    records: Mapping[str, AlertRecord] = field(default_factory=dict)
    bodies: Mapping[str, bytes] = field(default_factory=dict)
    gone: Sequence[str] = ()
    owners: Mapping[str, str] = field(default_factory=dict)
    """Firing fingerprints and who held them when the decision was made; "" is claimed for this incident."""
    freed: Sequence[str] = ()
    pointers: Mapping[str, str] = field(default_factory=dict)
    """Correlation keys that shall lead to this incident, and where they led when the decision was made."""
    turn: tuple[str, int] | None = None
    """The correlation key that was decided about, and its turn when it was read."""
    seen: Mapping[str, str] = field(default_factory=dict)
    tombs: Mapping[str, int] = field(default_factory=dict)
    untomb: Sequence[str] = ()
    rows: Sequence[Row] = ()
    timers: Mapping[str, int] = field(default_factory=dict)
    """Members of the timer lane and when (ms); 0 takes one away."""
    held: Sequence[tuple[str, str, int]] = ()
    unheld: Sequence[str] = ()
    once: Sequence[str] = ()
    """Keys of a door against repetition; `what` is kept under them for 7 days."""
    what: str = ""
    storm: tuple[int, int] | None = None
    """For a new incident: it is stale once so many have opened since that ms."""
    into: str = ""
    """Where a merged incident's keys and owners lead from now on."""
    unpoint: Sequence[str] = ()
    """Correlation keys that lead to this incident no longer."""


@dataclass(frozen=True)
class Committed:
    """What a commit gave: the incident with its id and version, and the rows leased to who committed."""

    incident: Incident | None
    leased: tuple[str, ...]
    token: str


def new_uid() -> str:
    """Return an identity that nobody else draws."""
    return secrets.token_hex(12)


def _record(name: str, text: str) -> AlertRecord:
    firing, starts, ends, severity, alert, digest, seen = orjson.loads(text)
    return AlertRecord.model_construct(
        fingerprint=name,
        firing=bool(firing),
        starts_ms=starts,
        ends_ms=ends,
        severity=Severity(f"SEV-{severity}"),
        name=alert,
        digest=digest,
        seen_ms=seen,
    )


def _packed(record: AlertRecord) -> bytes:
    return orjson.dumps(
        [
            int(record.firing),
            record.starts_ms,
            record.ends_ms,
            record.severity.rank,
            record.name,
            record.digest,
            record.seen_ms,
        ]
    )


class Incidents:
    """The incidents of one namespace."""

    def __init__(self, connection: Connection, *, history_s: int) -> None:
        """`history_s`: seconds that an incident is kept after its last change."""
        self.connection = connection
        self.keys = connection.keys
        self.history_s = history_s

    async def seen(self, groups: Sequence[str]) -> list[Seen | None]:
        """Return, for each group, what it last said: one read, which is all that a duplicate costs."""
        async with self.connection.guarded() as client:
            values = await client.mget([self.keys.seen(group) for group in groups])
        return [Seen(*value.split("|", 3)) if value else None for value in values]

    async def known(
        self, key: str, group: str, firing: Sequence[str], since_ms: int = 0, ended: Sequence[str] = ()
    ) -> Known:
        """Return what is known about a correlation key, a group and the fingerprints that fire, in one round trip.

        `since_ms`: openings from then on are counted as recent. `ended`: fingerprints that have ended; where they were
        split off is known too.
        """
        said = await self.connection.run(
            LOAD,
            [self.keys.named(f"key:{key}")],
            [self.keys.prefix, group, key, len(firing), *firing, since_ms, len(ended), *ended],
        )
        own, uid, state, version, number, flat, owners, tombs, held, turn, recent, storm, apart = said
        incident = None
        records: dict[str, AlertRecord] = {}
        if uid:
            incident = _incident(state, version, number)
            records = {name: _record(name, text) for name, text in zip(flat[::2], flat[1::2], strict=True)}
        return Known(
            key=key,
            pointer=own,
            incident=incident,
            records=records,
            owners=dict(zip(firing, owners, strict=True)),
            tombs={name: int(tomb) for name, tomb in zip(firing, tombs, strict=True) if tomb},
            held=held,
            turn=turn,
            recent=recent,
            storm=storm,
            apart=dict(zip(apart[::2], apart[1::2], strict=True)),
        )

    async def commit(self, change: Change, *, now_ms: int, lease_ms: int, number: tuple[str, int, str]) -> Committed:
        """Write `change`, or nothing. Raises Stale, and StoreAway when it may or may not have been written.

        `number` is prefix, width and suffix of an id, used when the incident is new.
        """
        token = secrets.token_hex(8)
        incident = change.incident
        header = {
            "prefix": self.keys.prefix,
            "op": secrets.token_hex(12),
            "uid": incident.uid if incident else "",
            "version": incident.version if incident else 0,
            "now": now_ms,
            "lease": lease_ms,
            "token": token,
            "ttl": self.history_s,
            "id": number,
            "severity": incident.severity if incident else "",
            "opened": round(incident.opened_at.timestamp() * 1000) if incident else 0,
            "open": incident is not None and not incident.state.over,
            "keys": list(change.pointers.items()),
            "turn": list(change.turn or ()),
            "seen": list(change.seen.items()),
            "about": f"{change.about.severity}|{change.about.uid}|{change.about.id}" if change.about else "||",
            "tombs": list(change.tombs.items()),
            "untomb": list(change.untomb),
            "rows": [
                [
                    row.member,
                    row.lane,
                    row.to.model_dump_json(),
                    row.last,
                    orjson.dumps(row.memory).decode() if row.memory is not None else "",
                    row.tries,
                ]
                for row in change.rows
            ],
            "timers": list(change.timers.items()),
            "held": list(change.held),
            "unheld": list(change.unheld),
            "once": list(change.once),
            "what": change.what,
            "storm": list(change.storm or ()),
            "into": change.into,
            "unpoint": list(change.unpoint),
            "split": incident.key if incident and incident.split_from else "",
            "past": orjson.dumps(past_fields(incident)).decode() if incident else "",
            "promised": bool(incident and incident.actions),
            "uncounted": bool(incident and (incident.drill or incident.held_until is not None)),
            "parent": [incident.parent, incident.severity.rank] if incident and incident.held == "storm" else [],
            "apart": (incident.parent or "") if incident and not incident.merged else "",
            "n": {
                "events": len(change.events),
                "alerts": len(change.records),
                "bodies": len(change.bodies),
                "gone": len(change.gone),
                "owners": len(change.owners),
                "freed": len(change.freed),
            },
        }
        args: list[Any] = [orjson.dumps(header)]
        args.append(incident.model_dump_json(exclude={"id", "version"}) if incident else "")
        args.extend(event.model_dump_json() for event in change.events)
        for name, record in change.records.items():
            args.extend((name, _packed(record)))
        for name, body in change.bodies.items():
            args.extend((name, body))
        args.extend(change.gone)
        for name, owner in change.owners.items():
            args.extend((name, owner))
        args.extend(change.freed)
        reply = await self.connection.write(COMMIT, [self.keys.incident(header["uid"])], args)  # type: ignore[arg-type]
        if reply[0] == "repeated":
            raise Repeated(*orjson.loads(reply[1]))
        if reply[0] != "ok":
            raise Stale(reply[0])
        done = incident.model_copy(update={"id": reply[1], "version": int(reply[2])}) if incident else None
        return Committed(incident=done, leased=tuple(reply[3:]), token=token)

    async def taken(self, once: str) -> Repeated | None:
        """Return what a door has taken under its key against repetition, or None."""
        async with self.connection.guarded() as client:
            text = await client.get(self.keys.named(f"once:{once}"))
        return Repeated(*orjson.loads(text)) if text else None

    async def incident(self, uid: str) -> Incident | None:
        """Return the snapshot of `uid`, or None."""
        async with self.connection.guarded() as client:
            state, version, number = await client.hmget(self.keys.incident(uid), ["state", "version", "id"])
        return _incident(state, version, number) if state else None

    async def many(self, uids: Sequence[str]) -> list[Incident]:
        """Return the snapshots of `uids` that exist, in one round trip."""
        if not uids:
            return []
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            for uid in uids:
                pipe.hmget(self.keys.incident(uid), ["state", "version", "id"])
            rows = await pipe.execute()
        return [_incident(*row) for row in rows if row[0]]

    async def commits(self) -> int:
        """Return how many commits there were."""
        async with self.connection.guarded() as client:
            return int(await client.get(self.keys.named("commits")) or 0)

    async def children(self, uid: str) -> dict[str, int]:
        """Return the incidents that the storm `uid` holds back, with the rank of each one's severity."""
        async with self.connection.guarded() as client:
            rows = await client.hgetall(self.keys.named(f"children:{uid}"))
        return {name: int(rank) for name, rank in rows.items()}

    async def opened_since(self, since_ms: int) -> int:
        """Return how many have opened since then; drills and what a maintenance window held are left out."""
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            for name in ("index", "uncounted"):
                pipe.zcount(self.keys.named(name), since_ms, "+inf")
            every, uncounted = await pipe.execute()
        return int(every) - int(uncounted)

    async def owners(self, names: Sequence[str]) -> dict[str, str]:
        """Return the uid of the open incident that holds each fingerprint, "" where none does."""
        if not names:
            return {}
        async with self.connection.guarded() as client:
            found = await client.hmget(self.keys.named("owner"), list(names))
        return {name: owner or "" for name, owner in zip(names, found, strict=True)}

    async def heard_as(self, receiver: str) -> None:
        """Keep the name of an Alertmanager receiver that leads here."""
        async with self.connection.guarded() as client:
            await client.sadd(self.keys.named("receivers"), receiver)

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
        """Return the uid of `INC-2026-0001`, or None."""
        async with self.connection.guarded() as client:
            uid: str | None = await client.hget(self.keys.named("ids"), number)
        return uid

    async def events(self, uid: str, after: int = 0) -> list[Event]:
        """Return the log of `uid` after sequence number `after`, oldest first."""
        async with self.connection.guarded() as client:
            rows = await client.lrange(self.keys.log(uid), after, -1)
        return [Event.model_validate_json(row) for row in rows]

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
        if not incident.state.over:
            return frozenset()
        led = await self.led(incident.keys)
        return frozenset(key for key, (uid, is_open) in led.items() if is_open and uid != incident.uid)

    async def bodies(self, uid: str) -> dict[str, dict[str, Any]]:
        """Return labels, annotations and generatorURL of every alert that is kept, by fingerprint."""
        async with self.connection.guarded() as client:
            rows = await client.hgetall(self.keys.bodies(uid))
        return {name: orjson.loads(body) for name, body in rows.items()}

    async def records(self, uid: str) -> dict[str, AlertRecord]:
        """Return the record of every alert that is kept, by fingerprint."""
        async with self.connection.guarded() as client:
            rows = await client.hgetall(self.keys.alerts(uid))
        return {name: _record(name, text) for name, text in rows.items()}

    async def receipts(self, uid: str) -> list[dict[str, Any]]:
        """Return what vendors answered, oldest first."""
        async with self.connection.guarded() as client:
            rows = await client.lrange(self.keys.receipts(uid), 0, -1)
        return [orjson.loads(row) for row in rows]

    async def listing(self, *, open_only: bool = False, before: float | None = None, most: int = 100) -> list[Incident]:
        """Return incidents, newest first; `before` is the opened_at (ms) after which a page starts, exclusive."""
        async with self.connection.guarded() as client:
            top = "+inf" if before is None else f"({before:.0f}"
            index = self.keys.named("open" if open_only else "index")
            uids = await client.zrange(index, top, "-inf", desc=True, byscore=True, offset=0, num=most)
        return await self.many(uids)


def _incident(state: str, version: str | int, number: str) -> Incident:
    return Incident.model_validate(orjson.loads(state) | {"id": number, "version": int(version)})
