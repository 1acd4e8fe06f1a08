"""Shared by the tests of the store: rooms on a real server, and changes that a decision might write."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import redis

from receiver.incident.log.event_log import Transition
from receiver.model.base import to_ms
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Actor, ActorKind, Destination, Kind
from receiver.model.incident.incident import Incident
from receiver.model.severity import Severity
from receiver.store.client.connection import Connection
from receiver.store.due.due_set import DueSet, LeasedRow
from receiver.store.incidents.commit_request import CommitRequest, Committed, OutboxRow, new_uid
from receiver.store.incidents.incident_store import IncidentStore
from tests.incident.fixtures import NOW, Store, alert, part

MS = to_ms(NOW)
LEASE = 12_000
NUMBER = ("INC-2026-", 4, "")
PAGER = Destination(channel="pager", address="page-key", paging=True)
CHAT = Destination(channel="chat", address="#incidents")


class Rooms:
    """Incidents and due work of one namespace, as in a replica, and access to the keys."""

    def __init__(self, url: str, namespace: str = "test") -> None:
        self.connection = Connection(url, namespace)
        self.incidents = IncidentStore(self.connection, history_s=1000)
        self.due = DueSet(self.connection, ("pager!", "chat!", "pager", "chat"), lease_ms=LEASE)
        self.raw: Any = redis.Redis.from_url(url, decode_responses=True)

    async def close(self) -> None:
        await self.connection.close()
        self.raw.close()

    async def commit(self, change: CommitRequest, now: int = MS) -> Committed:
        return await self.incidents.commit(change, now_ms=now, lease_ms=LEASE, number=NUMBER)

    async def owed(self, *rows: OutboxRow, now: int = MS) -> Committed:
        """Open an incident with these rows; they are leased to the committer, under the returned token."""
        return await self.commit(opening(rows=rows), now)

    async def leased(self, done: Committed) -> list[LeasedRow]:
        return await self.due.rows([(member, done.token) for member in done.leased])

    def named(self, name: str) -> str:
        return self.connection.keys.named(name)

    def content(self) -> dict[str, str]:
        """Return the value of every key, in one line each."""
        found = {}
        for key in self.raw.scan_iter():
            read = {
                "string": self.raw.get,
                "hash": self.raw.hgetall,
                "list": lambda name: self.raw.lrange(name, 0, -1),
                "zset": lambda name: self.raw.zrange(name, 0, -1, withscores=True),
            }[self.raw.type(key)]
            found[key] = repr(read(key))
        return found


def opening(key: str = "key", *, alerts: int = 1, rows: Iterable[OutboxRow] = (), **more: Any) -> CommitRequest:
    """Return the change that opens an incident with that many alerts."""
    store = Store()
    store.tell(part(alert("A"), key=key), NOW)
    opened = store.incidents["uid0"].model_copy(update={"uid": new_uid()})
    names = [f"{number:016x}" for number in range(alerts)]
    change: dict[str, Any] = {
        "events": store.logs["uid0"],
        "records": {name: record(name) for name in names},
        "bodies": dict.fromkeys(names, b'{"labels":{}}'),
        "owners": dict.fromkeys(names, ""),
        "pointers": {key: ""},
        "turn": (key, 0),
        "seen": {f"group-{key}": "digest"},
        "rows": tuple(rows),
    }
    return CommitRequest(incident=opened, **{**change, **more})


def record(name: str, *, firing: bool = True) -> AlertRecord:
    return AlertRecord(
        fingerprint=name, firing=firing, starts_ms=MS, ends_ms=None if firing else MS, severity=Severity.SEV2, name="A",
        digest="d", seen_ms=MS,
    )  # fmt: skip


def grown(known: Incident, **more: Any) -> CommitRequest:
    """Return a change that adds one event to a known incident."""
    draft = Transition(known, Actor(kind=ActorKind.PERSON, name="alice"), NOW)
    draft.add(Kind.UPDATED, "said", "something")
    return CommitRequest(incident=draft.incident, events=draft.events, **more)


def owing(
    to: Destination = PAGER, *, lane: str = "pager!", member: str = "row", last: int = 1, **more: Any
) -> OutboxRow:
    return OutboxRow(member, lane, to, last, **more)
