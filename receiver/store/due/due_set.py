"""The due set: work that is due at a time, claimed with a lease, done only when it is done."""

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
from receiver.store.due.store_beat import StoreBeat, beat_of
from receiver.store.keys import TIMERS

CLAIM = Script("due/claim")
COMPLETE = Script("due/complete")
REFUSE = Script("due/keep_refused_body")
FREE = Script("due/end_leases")
OWE = Script("due/add_rows")

log = structlog.get_logger("receiver.due")


class SendingOutcome(StrEnum):
    """How one sending ended."""

    DONE = "done"
    AGAIN = "again"
    PARKED = "parked"
    LATER = "later"
    """Not tried at all: it counts as no attempt."""


class KeyReused(Exception):
    """A key against repetition comes again with something else than it came with before: nothing was written."""


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
        """Return the store's time, what changed after commit `after`, and which lanes have due rows.

        `me`: the name under which this replica has written a number; `commit`: the number of a commit whose mark is
        wanted. One round trip, and no write.
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
        """Return timers that are due; each comes back after the lease unless a commit or `drop` ends it."""
        reply: list[str] = await self.connection.run(
            CLAIM, [self.keys.due(TIMERS)], [self.keys.prefix, now_ms, self.lease_ms, "", most, 1]
        )
        return reply

    async def drop_timer(self, member: str) -> None:
        """Take a timer away that has nothing more to say."""
        async with self.connection.guarded() as client:
            await client.zrem(self.keys.due(TIMERS), member)

    async def later(self, member: str, at_ms: int) -> None:
        """Let a timer come back then."""
        async with self.connection.guarded() as client:
            await client.zadd(self.keys.due(TIMERS), {member: at_ms})

    async def seed(self, member: str, at_ms: int) -> None:
        """Set a timer that is not there yet."""
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
        """Return the rows of `leases`, pairs of member and token, that are leased under that token: one round trip.

        `snapshots`: with the state of their incidents, so that they can be sent should the store go away now.
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
                # Of a later version: it must not keep those behind it from being sent.
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

        Returns done, more, again, parked, or lost when the lease was somebody else's by now. `triggered`: a trigger was
        sent; where the lease was lost the row is due again, so that the newest state follows it (reliability P3).
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
        """Return how many rows of all lanes were due before then and are not done, and when the oldest was due."""
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
        """Forget what is held for `group`, with its timer, if it still is `text`."""
        async with self.connection.guarded() as client:
            if await client.hget(self.keys.named("held"), group) == text:
                await client.hdel(self.keys.named("held"), group)
                await client.zrem(self.keys.due(TIMERS), f"held {group}")

    async def free(self, now_ms: int) -> int:
        """End every lease and return how many there were: only where whoever held them is known to be gone."""
        freed: int = await self.connection.run(
            FREE, [self.keys.due(lane) for lane in self.lanes], [self.keys.prefix, now_ms]
        )
        return freed

    async def probe(self) -> None:
        """Write something: a server that is read-only or full answers reads, and is away all the same."""
        async with self.connection.guarded() as client:
            await client.set(self.keys.named("fence"), "1")

    async def refuse(
        self, head: dict[str, Any], now_ms: int, rows: Sequence[tuple[str, str, Destination, dict[str, Any]]]
    ) -> bool:
        """Keep the head of a refused body; make `rows` unless people were told in the last 10 minutes.

        Returns whether rows were made.
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
        """Make rows that belong to no incident, durably, and return whether they are new.

        `once`: a caller's key against repetition, kept for 7 days with `what`. Raises KeyReused where it was kept with
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
        """Make rows as `owe` does, of those with one pacing key one in a minute; return the indexes of the others.

        Each row comes with its pacing key. Raises KeyReused as `owe` does.
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
            raise KeyReused(f"the key {once} was kept with something else")
        return bool(code), frozenset(too_soon)
