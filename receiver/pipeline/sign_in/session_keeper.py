"""Starts, finds, checks and ends sessions. The store decides; without it, the memory of the replica."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from receiver.config import Config
from receiver.model.base import to_ms
from receiver.model.sign_in import SessionRecord, SignInKind
from receiver.pipeline.sign_in.group_check import GroupCheck
from receiver.pipeline.sign_in.providers import Providers
from receiver.store.client.connection import StoreAway
from receiver.store.sessions import SessionStore

NOTE = timedelta(minutes=1)
"""The precision of the time of last use: one write per minute."""
REMEMBERED = 10_000
"""Maximum number of sessions that a replica keeps for times when the store is unavailable."""

log = structlog.get_logger("receiver.sign_in")


@dataclass(frozen=True)
class Found:
    """A valid session."""

    record: SessionRecord
    renew: bool
    """Whether the browser's cookie has to be updated."""
    stored: bool
    """Whether the store has it."""


class SessionKeeper:
    """The sessions of one namespace, as seen by one replica."""

    def __init__(self, config: Callable[[], Config], store: SessionStore, providers: Providers) -> None:
        """Create it without sessions."""
        self.config = config
        self.store = store
        self.providers = providers
        self.groups = GroupCheck(config, store, providers)
        self._remembered: OrderedDict[str, SessionRecord | None] = OrderedDict()
        """By id; None: it has ended."""

    async def begin(self, record: SessionRecord, now: datetime) -> tuple[SessionRecord, bool]:
        """Start the session of a user who has just signed in; return it with its id, and whether the store has it."""
        made = replace(record, id=secrets.token_hex(16), began=to_ms(now), seen=to_ms(now))
        return made, await self._keep(made)

    async def find(self, claimed: SessionRecord, now: datetime, *, stored: bool) -> Found | None:
        """Return the session of a signed cookie; None if it has ended, or its owner no longer has access.

        `stored`: whether the store had it when the cookie was written. A session that started without the store is
        stored now.
        """
        if self._over(claimed, now):
            return None
        try:
            known = await self.store.find(claimed.id)
        except StoreAway:
            # Not queried again below, because a store that does not respond takes its full timeout for each query.
            record, here = self._remembered.get(claimed.id, claimed), None
        else:
            if known.ended or (known.record is None and stored):
                self._remember(claimed.id, None)
                return None
            record, here = known.record or self._remembered.get(claimed.id) or claimed, known.record is not None
        if record is None or (record.kind, record.account) != (claimed.kind, claimed.account):
            return None
        if record.kind is SignInKind.OIDC:
            checked = await self.groups.check(record, now)
            if checked is None:
                await self.end(record, now)
                return None
            record = checked
        return await self._used(claimed, record, now, here)

    async def end(self, record: SessionRecord, now: datetime) -> bool:
        """End a session everywhere. Returns whether the store recorded it; this replica does in any case."""
        self._remember(record.id, None)
        try:
            await self.store.end(record.id, self._latest(record), now)
        except StoreAway:
            return False
        return True

    def ended_here(self, session: str) -> bool:
        """Return whether this replica knows that a session has ended."""
        return session in self._remembered and self._remembered[session] is None

    async def all(self, now: datetime) -> list[SessionRecord]:
        """Return every session that has not ended, most recently used first. Raises StoreAway."""
        return [record for record in await self.store.all(now) if not self._over(record, now)]

    async def one(self, session: str) -> SessionRecord | None:
        """Return a session by its id. Raises StoreAway."""
        return (await self.store.find(session)).record

    async def _used(self, claimed: SessionRecord, record: SessionRecord, now: datetime, here: bool | None) -> Found:
        """Record the use of a session. `here`: whether the store has it; None: it does not respond."""
        last = max(record.seen, claimed.seen)
        stale = to_ms(now) - last >= NOTE / timedelta(milliseconds=1)
        record = replace(record, seen=to_ms(now) if stale else last)
        if here is False or (here and stale):
            here = await self._keep(record)
        self._remember(record.id, record)
        changed = (record.checked, record.groups) != (claimed.checked, claimed.groups)
        return Found(record, stale or changed, bool(here))

    async def _keep(self, record: SessionRecord) -> bool:
        self._remember(record.id, record)
        try:
            await self.store.keep(record, self._latest(record), self.config().auth.sessions.idle)
        except StoreAway:
            return False
        return True

    def _over(self, record: SessionRecord, now: datetime) -> bool:
        idle = timedelta(milliseconds=to_ms(now) - record.seen) >= self.config().auth.sessions.idle
        return idle or now >= self._latest(record)

    def _latest(self, record: SessionRecord) -> datetime:
        return datetime.fromtimestamp(record.began / 1000, UTC) + self.config().auth.sessions.absolute

    def _remember(self, session: str, record: SessionRecord | None) -> None:
        self._remembered[session] = record
        self._remembered.move_to_end(session)
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
