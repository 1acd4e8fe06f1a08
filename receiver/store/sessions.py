"""Sessions of browsers: a record each, a mark for ended ones, and a list of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from receiver.model.base import to_ms
from receiver.model.sign_in import SessionRecord, SignInKind
from receiver.store.client.connection import Connection

CHECKING = timedelta(seconds=15)
"""How long only one replica may query the provider about a session, because a refresh token can be used once."""


@dataclass(frozen=True)
class Lookup:
    """The stored data of one session."""

    record: SessionRecord | None
    ended: bool
    """Whether it was ended, so that its cookie is invalid."""


class SessionStore:
    """The sessions of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """Records expire automatically."""
        self.connection = connection

    async def find(self, session: str) -> Lookup:
        """Return the stored data of the session with that id. Raises StoreAway."""
        record, ended = await self.connection.call("MGET", self._key(session), self._ended(session))
        return Lookup(_read(record), ended is not None)

    async def keep(self, record: SessionRecord, until: datetime, idle: timedelta) -> None:
        """Store a record until it has not been written for `idle`, and no longer than `until`. Raises StoreAway."""
        text = orjson.dumps(asdict(record))
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            pipe.set(self._key(record.id), text, px=max(1, min(to_ms(until) - record.seen, round(idle / _MS))))
            pipe.zadd(self._list, {record.id: to_ms(until)})
            await pipe.execute()

    async def end(self, session: str, until: datetime, now: datetime) -> bool:
        """End a session: its cookie is invalid from now on. Returns whether it existed. Raises StoreAway."""
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            pipe.set(self._ended(session), "1", px=max(1, to_ms(until) - to_ms(now)))
            pipe.delete(self._key(session))
            pipe.zrem(self._list, session)
            _, deleted, _ = await pipe.execute()
        return bool(deleted)

    async def all(self, now: datetime) -> list[SessionRecord]:
        """Return every session, most recently used first. Raises StoreAway."""
        ids: Sequence[str] = await self.connection.call("ZRANGEBYSCORE", self._list, to_ms(now), "+inf")
        if not ids:
            return []
        texts = await self.connection.call("MGET", *(self._key(one) for one in ids))
        gone = [one for one, text in zip(ids, texts, strict=True) if text is None]
        await self._forget(gone, now)
        records = [record for text in texts if (record := _read(text)) is not None]
        return sorted(records, key=lambda record: record.seen, reverse=True)

    async def claim(self, session: str) -> bool:
        """Return whether this replica is the one that queries the provider about the session now. Raises StoreAway."""
        key, limit = self.connection.keys.named(f"session-check:{session}"), round(CHECKING / _MS)
        return await self.connection.call("SET", key, "1", "NX", "PX", limit) is not None

    async def release(self, session: str) -> None:
        """Allow other replicas to query the provider about the session again. Raises StoreAway."""
        await self.connection.call("DEL", self.connection.keys.named(f"session-check:{session}"))

    async def _forget(self, gone: Sequence[str], now: datetime) -> None:
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            pipe.zremrangebyscore(self._list, "-inf", f"({to_ms(now)}")
            for one in gone:
                pipe.zrem(self._list, one)
            await pipe.execute()

    @property
    def _list(self) -> str:
        return self.connection.keys.named("sessions")

    def _key(self, session: str) -> str:
        return self.connection.keys.named(f"session:{session}")

    def _ended(self, session: str) -> str:
        return self.connection.keys.named(f"session-ended:{session}")


_MS = timedelta(milliseconds=1)


def _read(text: str | None) -> SessionRecord | None:
    try:
        known: dict[str, Any] = orjson.loads(text or "null") or {}
        fields = {name: known[name] for name in SessionRecord.__dataclass_fields__ if name in known}
        return SessionRecord(
            **{**fields, "kind": SignInKind(fields["kind"]), "groups": tuple(fields.get("groups", ()))}
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
