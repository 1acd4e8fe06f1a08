"""Reports a routing key that the pager refuses: at once on another channel, and in `/healthz`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog

from receiver.model.base import to_ms
from receiver.model.delivery.notice import Notice
from receiver.model.incident.event import Destination
from receiver.pipeline.active_config import ActiveConfig
from receiver.store.due.due_set import DueSet

REASON = "auth"
"""The reason of a delivery error for a refused credential (401, 403, and 404 of a pager)."""
AGAIN = timedelta(hours=6)
"""Minimum time between two messages about one key, from any replica."""

log = structlog.get_logger("receiver.delivery")


class RefusedKeys:
    """The keys that a pager refused at the last attempt of this replica."""

    def __init__(self, setting: Callable[[], ActiveConfig], due: DueSet) -> None:
        """Only a hash of each key is kept."""
        self.setting = setting
        self.due = due
        self._refused: dict[str, set[str]] = {}

    def channels(self) -> list[str]:
        """Return the sorted names of the channels that refuse a key."""
        return sorted(name for name, keys in self._refused.items() if keys)

    def accepted(self, channel: str, notice: Notice) -> None:
        """Forget that the key of `notice` was refused."""
        self._refused.get(channel, set()).discard(_hash(notice))

    async def refused(self, channel: str, notice: Notice, detail: str, now: datetime) -> None:
        """Report that `channel` refused the key of `notice`: at once, then every six hours. Raises StoreAway."""
        key = _hash(notice)
        self._refused.setdefault(channel, set()).add(key)
        person = notice.page.person if notice.page else "someone"
        text = (
            f"{channel} refuses the key of {person} ({detail}): no page to {person} gets through. Correct the address "
            f"of {person} for {channel} in `people`, and reload; until then pages use the fallback channels."
        )
        once = f"refused {channel} {key} {to_ms(now) // round(AGAIN.total_seconds() * 1000)}"
        rows: list[tuple[str, str, Destination, dict[str, Any]]] = [
            (f"- {to.channel} {once}", to.channel, to, {"text": text}) for to in self._others(channel)
        ]
        if rows and await self.due.owe(rows, to_ms(now), once):
            log.error("pager_key_refused", channel=channel, person=person, detail=detail)

    def _others(self, channel: str) -> list[Destination]:
        return [to for to in self.setting().policy.informs if to.channel != channel]


def _hash(notice: Notice) -> str:
    return hashlib.sha256(notice.address.encode("utf-8", "replace")).hexdigest()[:16]
