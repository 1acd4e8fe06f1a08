"""The queue of mail to subscribers, separate from the due set, so that no page waits for it.

A row is one mail to one address. Rows of `confirm` contain a sealed sign-up; rows of `news` contain the key of the news
and the subscriber.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson

from receiver.model.delivery.subscription import SubscriberNews
from receiver.store.client.connection import Connection

KEPT_MS = 7 * 86_400_000
"""How long mailed news is remembered: news older than a day is not mailed."""
MOST_ROWS = 1_000_000
"""Maximum number of rows in the queue."""
LEASE_MS = 60_000
"""How long one replica is the only sender without renewing its claim; longer than the deadline of one mail."""


@dataclass(frozen=True)
class MailRow:
    """One queued mail."""

    member: str
    news: str = ""
    """Key of the news; empty: a confirmation."""
    to: str = ""
    """Id of the subscriber."""
    sealed: str = ""
    """For a confirmation: the token in its link."""
    tries: int = 0


class SubscriberMail:
    """The queue of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """All state is in the store."""
        self.connection = connection

    async def lead(self, me: str) -> bool:
        """Return whether the replica `me` is the sender for the next minute. Raises StoreAway."""
        key = self._named("leader")
        if await self.connection.call("SET", key, me, "NX", "PX", LEASE_MS) is not None:
            return True
        if await self.connection.call("GET", key) != me:
            return False
        return bool(await self.connection.call("PEXPIRE", key, LEASE_MS))

    async def untold(self, keys: Sequence[str]) -> list[str]:
        """Return those of `keys` whose news was not mailed yet. Raises StoreAway."""
        if not keys:
            return []
        known = await self.connection.call("HMGET", self._named("told"), *keys)
        return [key for key, when in zip(keys, known, strict=True) if when is None]

    async def announce(self, news: SubscriberNews) -> None:
        """Store news for the rows that refer to it. Raises StoreAway."""
        await self.connection.call("HSET", self._named("news"), news.key, news.model_dump_json())

    async def owe(self, rows: Sequence[MailRow], due_ms: int) -> bool:
        """Add rows, each only once; return False if there is no space. Raises StoreAway."""
        if not rows:
            return True
        if int(await self.connection.call("ZCARD", self._named("queue"))) + len(rows) > MOST_ROWS:
            return False
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            # The row first: a queue entry without a row is skipped, while a row without a queue entry would be lost.
            pipe.hset(self._named("rows"), mapping={row.member: orjson.dumps(asdict(row)).decode() for row in rows})
            pipe.zadd(self._named("queue"), {row.member: due_ms for row in rows}, nx=True)
            await pipe.execute()
        return True

    async def told(self, key: str, now_ms: int) -> None:
        """Remember that every row of this news is in the queue. Raises StoreAway."""
        await self.connection.call("HSET", self._named("told"), key, str(now_ms))

    async def due(self, now_ms: int, most: int) -> list[MailRow]:
        """Return rows that are due, the earliest first. Raises StoreAway."""
        members = await self.connection.call("ZRANGEBYSCORE", self._named("queue"), "-inf", now_ms, "LIMIT", 0, most)
        if not members:
            return []
        texts = await self.connection.call("HMGET", self._named("rows"), *members)
        empty = [member for member, text in zip(members, texts, strict=True) if text is None]
        if empty:
            await self.connection.call("ZREM", self._named("queue"), *empty)
        return [MailRow(**orjson.loads(text)) for text in texts if text is not None]

    async def news(self, key: str) -> SubscriberNews | None:
        """Return the news with `key`. Raises StoreAway."""
        text = await self.connection.call("HGET", self._named("news"), key)
        return SubscriberNews.model_validate_json(text) if text else None

    async def later(self, row: MailRow, due_ms: int) -> None:
        """Retry a row at that time. Raises StoreAway."""
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            pipe.hset(self._named("rows"), row.member, orjson.dumps(asdict(row)).decode())
            pipe.zadd(self._named("queue"), {row.member: due_ms})
            await pipe.execute()

    async def done(self, member: str) -> None:
        """Remove a row from the queue. Raises StoreAway."""
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            pipe.zrem(self._named("queue"), member)
            pipe.hdel(self._named("rows"), member)
            await pipe.execute()

    async def depth(self) -> int:
        """Return the number of queued mails. Raises StoreAway."""
        return int(await self.connection.call("ZCARD", self._named("queue")))

    async def forget(self, now_ms: int) -> None:
        """Delete news that was mailed more than a week ago. Raises StoreAway."""
        known = await self.connection.call("HGETALL", self._named("told"))
        times = known if isinstance(known, dict) else dict(zip(known[::2], known[1::2], strict=True))
        old = [key for key, when in times.items() if int(when) < now_ms - KEPT_MS]
        if old:
            await self.connection.call("HDEL", self._named("told"), *old)
            await self.connection.call("HDEL", self._named("news"), *old)

    async def windows(self) -> dict[str, SubscriberNews]:
        """Return the maintenance that has begun and whose end was not mailed yet. Raises StoreAway."""
        known = await self.connection.call("HGETALL", self._named("windows"))
        texts = known if isinstance(known, dict) else dict(zip(known[::2], known[1::2], strict=True))
        return {key: SubscriberNews.model_validate_json(text) for key, text in texts.items()}

    async def keep_window(self, news: SubscriberNews) -> None:
        """Remember that a window has begun. Raises StoreAway."""
        await self.connection.call("HSET", self._named("windows"), news.about, news.model_dump_json())

    async def drop_window(self, about: str) -> None:
        """Delete a window whose end was mailed. Raises StoreAway."""
        await self.connection.call("HDEL", self._named("windows"), about)

    def _named(self, name: str) -> str:
        return self.connection.keys.named(f"mail:{name}")


def due_of(row: MailRow, now_ms: int) -> int:
    """Return when a new row is due: at once, but a sign-up never comes before news that is already due."""
    return now_ms
