"""The due set: work that is due at a time, claimed with a lease, and kept until it is completed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import orjson
import structlog

from receiver.model.incident.event import Destination
from receiver.store.client.connection import Connection, Script
from receiver.store.commit_mark import MARKS
from receiver.store.due.agreed_time import FIELDS
from receiver.store.due.dead_letter_rows import DeadLetterRows
from receiver.store.due.leased_row import LeasedRow as LeasedRow
from receiver.store.due.leased_row import UnreadableRow as UnreadableRow
from receiver.store.due.leased_row import parse_row, parse_row_partly, uid_of
from receiver.store.due.store_poll import StoreBeat, beat_of
from receiver.store.keys import TIMERS

CLAIM = Script("due/claim")
COMPLETE = Script("due/complete")
REFUSE = Script("due/keep_refused_body")
FREE = Script("due/end_leases")
OWE = Script("due/add_rows")

log = structlog.get_logger("receiver.due")


class SendingOutcome(StrEnum):
    """The outcome of one sending."""

    DONE = "done"
    AGAIN = "again"
    PARKED = "parked"
    LATER = "later"
    """Not attempted, so it does not count as an attempt."""


class KeyReused(Exception):
    """An idempotency key was used before with a different request: nothing was written."""


class DueSet:
    """The lanes of one namespace."""

    def __init__(self, connection: Connection, lanes: Sequence[str], *, lease_ms: int) -> None:
        """`lanes`: every lane that this replica serves, urgent ones first; TIMERS is always among them."""
        self.connection = connection
        self.letters = DeadLetterRows(connection)
        self.keys = connection.keys
        self.lanes = tuple(lanes)
        self.lease_ms = lease_ms

    async def beat(self, after: int, now_ms: int, me: str = "", commit: int = 0) -> StoreBeat:
        """Return the store's time, the changes after commit `after`, and the lanes with due rows.

        `me`: the name under which this replica writes its number. `commit`: the number of a commit whose mark to
        return. One round trip, and no write.
        """
        lanes = (TIMERS, *self.lanes)
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            pipe.time()
            pipe.zrange(
                self.keys.named("changed"), f"({after}", "+inf", byscore=True, withscores=True, offset=0, num=500
            )
            pipe.hlen(self.keys.named("dead"))
            pipe.get(self.keys.named("commits"))
            pipe.get(self.keys.named("board:rev"))
            pipe.hmget(self.keys.named("clock"), FIELDS)
            pipe.hmget(self.keys.named("memory"), "epoch", "until")
            pipe.get(self.keys.named(f"replica:{me}"))
            pipe.hmget(self.keys.named("marks"), str(commit % MARKS), "last")
            for lane in lanes:
                pipe.zcard(self.keys.due(lane))
                pipe.zrange(self.keys.due(lane), 0, 0, withscores=True)
                pipe.zcount(self.keys.due(lane), "-inf", now_ms - self.lease_ms)
            replies = await pipe.execute()
        return beat_of(lanes, now_ms, replies)

    async def claim_timers(self, now_ms: int, most: int = 50) -> list[str]:
        """Return due timers; each is due again after the lease unless a commit or `drop_timer` removes it."""
        reply: list[str] = await self.connection.run(
            CLAIM, [self.keys.due(TIMERS)], [self.keys.prefix, now_ms, self.lease_ms, "", most, 1]
        )
        return reply

    async def drop_timer(self, member: str) -> None:
        """Remove a timer that is no longer needed."""
        async with self.connection.guarded() as client:
            await client.zrem(self.keys.due(TIMERS), member)

    async def later(self, member: str, at_ms: int) -> None:
        """Postpone a timer until then."""
        async with self.connection.guarded() as client:
            await client.zadd(self.keys.due(TIMERS), {member: at_ms})

    async def seed(self, member: str, at_ms: int) -> None:
        """Set a timer that does not exist yet."""
        async with self.connection.guarded() as client:
            await client.zadd(self.keys.due(TIMERS), {member: at_ms}, nx=True)

    async def claim(self, lane: str, now_ms: int, most: int, *, snapshots: bool = False) -> list[LeasedRow]:
        """Lease at most `most` due rows of `lane` and return them; `snapshots`: with the state of their incidents."""
        token = secrets.token_hex(8)
        members = await self.connection.run(
            CLAIM, [self.keys.due(lane)], [self.keys.prefix, now_ms, self.lease_ms, token, most, 0]
        )
        return await self.rows([(member, token) for member in members], snapshots=snapshots)

    async def rows(self, leases: Sequence[tuple[str, str]], *, snapshots: bool = False) -> list[LeasedRow]:
        """Return the rows of `leases` (pairs of member and token) that are leased under that token, in one round trip.

        `snapshots`: with the state of their incidents, so that they can be sent if the store becomes unavailable.
        """
        if not leases:
            return []
        names = ["uid", "to", "cursor", "last", "tries", "attempts", "since", "memory", "token", "lane"]
        uids = list(dict.fromkeys(uid_of(member) for member, _ in leases)) if snapshots else []
        commands = [("HMGET", self.keys.row(member), *names) for member, _ in leases]
        commands += [("HMGET", self.keys.incident(uid), "state", "version", "id", "compressed") for uid in uids]
        async with self.connection.guarded():
            values = await self.connection.read_all(commands)
        states = dict(zip(uids, values[len(leases) :], strict=True))
        rows = []
        for (member, token), value in zip(leases, values, strict=False):
            try:
                row = parse_row(member, token, value, states.get(uid_of(member), ()))
            except (TypeError, ValueError) as error:
                # From a later version: it must not prevent the rows after it from being sent.
                log.error("row_read_failed", id=member, why=str(error)[:200])
                row = parse_row_partly(member, token, value)
            rows += [row] if row is not None else []
        return rows

    async def complete(
        self,
        row: LeasedRow,
        outcome: SendingOutcome,
        now_ms: int,
        *,
        said: int = 0,
        memory: dict[str, Any] | None = None,
        receipt: dict[str, Any] | None = None,
        again_ms: int = 0,
        told_to_wait: bool = False,
        letter: dict[str, Any] | None = None,
        triggered: bool = False,
    ) -> str:
        """End the lease of `row`.

        Returns done, more, again, parked, or lost if the lease has moved to another replica. `triggered`: a trigger was
        sent; if the lease was lost, the row is due again, so that the newest state follows it.
        """
        reply: str = await self.connection.write(
            COMPLETE,
            [self.keys.row(row.member)],
            [
                self.keys.prefix,
                row.member,
                row.token,
                outcome,
                now_ms,
                said,
                "" if memory is None or not row.whole else orjson.dumps(memory),
                "" if receipt is None else orjson.dumps(receipt),
                again_ms,
                int(told_to_wait),
                "" if letter is None else orjson.dumps(letter),
                int(triggered),
            ],
        )
        return reply

    async def late(self, before_ms: int) -> tuple[int, int | None]:
        """Return how many rows of all lanes were due before then and are not completed, and when the oldest was due."""
        count, oldest = 0, None
        lanes = (TIMERS, *self.lanes)
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            for lane in lanes:
                pipe.zcount(self.keys.due(lane), "-inf", before_ms)
                pipe.zrange(self.keys.due(lane), 0, 0, withscores=True)
            found = await pipe.execute()
        for late, first in zip(found[::2], found[1::2], strict=True):
            count += late
            if late:
                oldest = int(first[0][1]) if oldest is None else min(oldest, int(first[0][1]))
        return count, oldest

    async def held(self, group: str) -> str | None:
        """Return the notification that is held for `group`, as JSON."""
        async with self.connection.guarded() as client:
            value: str | None = await client.hget(self.keys.named("held"), group)
        return value

    async def unhold(self, group: str, text: str) -> None:
        """Delete the notification held for `group`, with its timer, if it is still `text`."""
        async with self.connection.guarded() as client:
            if await client.hget(self.keys.named("held"), group) == text:
                await client.hdel(self.keys.named("held"), group)
                await client.zrem(self.keys.due(TIMERS), f"held {group}")

    async def free(self, now_ms: int) -> int:
        """End every lease and return how many there were; only if their owner is known to have ended."""
        freed: int = await self.connection.run(
            FREE, [self.keys.due(lane) for lane in self.lanes], [self.keys.prefix, now_ms]
        )
        return freed

    async def probe(self) -> None:
        """Write something, because a read-only or full server answers reads but counts as unavailable."""
        async with self.connection.guarded() as client:
            await client.set(self.keys.named("fence"), "1")

    async def refuse(
        self, head: dict[str, Any], now_ms: int, rows: Sequence[tuple[str, str, Destination, dict[str, Any]]]
    ) -> bool:
        """Store the head of a refused body; add `rows` unless people were notified in the last 10 minutes.

        Returns whether rows were added.
        """
        args: list[Any] = [self.keys.prefix, orjson.dumps(head), now_ms, 600_000]
        for member, lane, to, memory in rows:
            args.extend((member, lane, to.model_dump_json(), orjson.dumps(memory)))
        return bool(await self.connection.write(REFUSE, [self.keys.named("refused")], args))

    async def owe(
        self,
        rows: Sequence[tuple[str, str, Destination, dict[str, Any]]],
        now_ms: int,
        once: str | None = None,
        what: str = "",
    ) -> bool:
        """Add rows that belong to no incident, durably, and return whether they are new.

        `once`: a caller's idempotency key, stored for 7 days with `what`. Raises KeyReused if it was stored with
        something else.
        """
        made, _ = await self._owe([(row, "") for row in rows], now_ms, once, what)
        return made

    async def call(
        self,
        rows: Sequence[tuple[tuple[str, str, Destination, dict[str, Any]], str]],
        now_ms: int,
        once: str | None = None,
        what: str = "",
    ) -> frozenset[int]:
        """Add rows as `owe` does, one per pacing key and minute; return the indexes of the others.

        Each row has its pacing key. Raises KeyReused as `owe` does.
        """
        _, too_soon = await self._owe(rows, now_ms, once, what)
        return too_soon

    async def _owe(
        self,
        rows: Sequence[tuple[tuple[str, str, Destination, dict[str, Any]], str]],
        now_ms: int,
        once: str | None,
        what: str,
    ) -> tuple[bool, frozenset[int]]:
        args: list[Any] = [self.keys.prefix, now_ms, once or "", what]
        for (member, lane, to, memory), pace in rows:
            args.extend((member, lane, to.model_dump_json(), orjson.dumps(memory), pace))
        code, *too_soon = await self.connection.write(OWE, [self.keys.named("commits")], args)
        if code == -1:
            raise KeyReused(f"the key {once} is already stored for another request")
        return bool(code), frozenset(too_soon)
