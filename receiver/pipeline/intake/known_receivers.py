"""The receivers of Alertmanager that point here, and since when: those whose groups have opened an incident."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from receiver.incident.log.notification_outcome import Outcome
from receiver.model.base import from_ms, to_ms
from receiver.store.alertmanager_receivers import AlertmanagerReceivers
from receiver.store.client.store_errors import StoreAway

MOST = 100
"""Maximum number of receivers that a replica remembers; beyond that, those seen longest ago are read again."""
OPENING = frozenset({Outcome.OPENED, Outcome.REOPENED, Outcome.UPDATED})
"""Outcomes that prove that a receiver points here."""
LONGEST = 200
"""Maximum number of characters of a stored name."""


@dataclass
class _Heard:
    since: datetime | None
    """When it was first seen; None if that was before this was stored."""
    kept: bool
    """Whether its name is stored."""


class KnownReceivers:
    """The names known to one replica. A name alone proves nothing, because any sender can send any name."""

    def __init__(self, receivers: AlertmanagerReceivers) -> None:
        """Create it before the first notification."""
        self.receivers = receivers
        self._heard: OrderedDict[str, _Heard] = OrderedDict()

    async def first_seen(self, receiver: str, now: datetime) -> datetime | None:
        """Return when `receiver` was first seen; `now` if never, None if unknown. Raises StoreAway."""
        name = receiver[:LONGEST]
        known = self._heard.get(name)
        if known is None:
            since_ms = await self.receivers.since(name)
            since = now if since_ms is None else from_ms(since_ms) if since_ms else None
            known = self._heard[name] = _Heard(since, since_ms is not None)
            if len(self._heard) > MOST:
                self._heard.popitem(last=False)
        self._heard.move_to_end(name)
        return known.since

    async def record(self, receiver: str, outcomes: Collection[Outcome], now: datetime) -> None:
        """Store the name of a receiver once it has opened an incident; if the store fails, it is retried next time."""
        name = receiver[:LONGEST]
        known = self._heard.get(name)
        if OPENING.isdisjoint(outcomes) or (known is not None and known.kept):
            return
        with suppress(StoreAway):
            since_ms = await self.receivers.keep(name, to_ms(known.since if known and known.since else now))
            self._heard[name] = _Heard(from_ms(since_ms) if since_ms else None, kept=True)

    async def store_again(self) -> None:
        """Write the names back to a store that has lost its data. Raises StoreAway."""
        for name, known in list(self._heard.items()):
            if known.kept:
                await self.receivers.keep(name, to_ms(known.since) if known.since else 0)
