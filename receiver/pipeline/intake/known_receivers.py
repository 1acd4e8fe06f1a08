"""Which of Alertmanager's receivers lead here, and since when: those whose groups have opened something."""

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
"""Receivers that a replica remembers; of more, those seen longest ago are looked up again."""
OPENING = frozenset({Outcome.OPENED, Outcome.REOPENED, Outcome.UPDATED})
"""What says that a receiver leads here."""
LONGEST = 200
"""Characters of a name that are kept."""


@dataclass
class _Heard:
    since: datetime | None
    """When it was first seen; None: before this was stored."""
    kept: bool
    """Whether the store has its name."""


class KnownReceivers:
    """The names of one replica. A name alone says nothing: whoever may send can send any."""

    def __init__(self, receivers: AlertmanagerReceivers) -> None:
        """Nothing was received yet."""
        self.receivers = receivers
        self._heard: OrderedDict[str, _Heard] = OrderedDict()

    async def first_seen(self, receiver: str, now: datetime) -> datetime | None:
        """Return when `receiver` was first seen, `now` where it never was; None: nobody knows. Raises StoreAway."""
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
        """Keep the name of a receiver once it has opened something; a store that cannot is asked the next time."""
        name = receiver[:LONGEST]
        known = self._heard.get(name)
        if OPENING.isdisjoint(outcomes) or (known is not None and known.kept):
            return
        with suppress(StoreAway):
            since_ms = await self.receivers.keep(name, to_ms(known.since if known and known.since else now))
            self._heard[name] = _Heard(from_ms(since_ms) if since_ms else None, kept=True)

    async def store_again(self) -> None:
        """Tell a store that has lost its memory the names that it had. Raises StoreAway."""
        for name, known in list(self._heard.items()):
            if known.kept:
                await self.receivers.keep(name, to_ms(known.since) if known.since else 0)
