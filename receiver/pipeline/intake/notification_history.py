"""Stores received notifications outside the webhook's path, so that new rules can be tested on real data."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import orjson
import structlog

from receiver.model.alert.alert import Notification, receiver_as_sent
from receiver.model.base import rfc3339, to_ms
from receiver.model.json_bytes import json_bytes
from receiver.pipeline.active_config import ActiveConfig
from receiver.store.client.connection import StoreAway
from receiver.store.notification_history import HistoryList, packed

EVERY = 5.0
"""Seconds between two writes: after a crash, notifications since then are missing from the history only."""
MOST_WAITING = 20_000
"""Maximum number of alerts that wait for the next write; further ones are not stored, which is logged."""
BATCH = 2_000
"""Approximate number of alerts per batch."""

log = structlog.get_logger("receiver.history")
Came = tuple[datetime, Notification]


class NotificationHistory:
    """The notifications of one replica on their way to the store."""

    def __init__(self, setting: Callable[[], ActiveConfig], store: HistoryList) -> None:
        """Nothing is written before `flush`."""
        self.setting = setting
        self.store = store
        self._waiting: list[Came] = []
        self._alerts = 0
        self._lost = 0
        self._writing = asyncio.Lock()

    def keep(self, notification: Notification, now: datetime) -> None:
        """Keep an accepted notification; duplicates are not passed here."""
        if self.setting().history is None:
            return
        if self._alerts + len(notification.alerts) > MOST_WAITING:
            self._lost += 1
            return
        self._alerts += len(notification.alerts)
        self._waiting.append((now, notification))

    async def flush(self) -> None:
        """Write the waiting notifications; if the store is unavailable or this is canceled, they keep waiting.

        A notification that cannot be written at all is dropped with a log line, so that it does not delay the others.
        """
        async with self._writing:
            limits, waiting = self.setting().history, list(self._waiting)
            if self._lost:
                log.warning("history_rows_skipped", notifications=self._lost)
                self._lost = 0
            if limits is not None and waiting:
                keep, most = limits
                # Ten thousand alerts take a while to serialize: other requests are answered meanwhile.
                batches, unwritable = await asyncio.to_thread(_batches, waiting)
                for group, why in unwritable:
                    log.error("history_row_dropped", group=group[:200], reason=why)
                try:
                    await self.store.keep(batches, to_ms(waiting[-1][0]), round(keep.total_seconds() * 1000), most)
                except StoreAway as away:
                    log.debug("history_write_postponed", reason=str(away))
                    return
            # Notifications that arrived meanwhile follow it.
            del self._waiting[: len(waiting)]
            self._alerts -= sum(len(notification.alerts) for _, notification in waiting)

    async def page(self, since: datetime | None, after: str) -> tuple[list[dict[str, Any]], str | None]:
        """Return stored notifications since a time, or after a position, oldest first, and where the next page begins.

        Each has `at`, when it arrived, and `notification`, as Alertmanager sends it. Raises StoreAway.
        """
        if not after:
            await self.flush()
        batches, more = await self.store.read(to_ms(since) if since else 0, after)
        found = await asyncio.to_thread(lambda: [one for batch in batches for one in _lines(batch.lines)])
        edge = rfc3339(since) if since else ""
        # A batch is ordered by its last notification: its first ones may be older.
        return [one for one in found if one["at"] >= edge], batches[-1].place if more else None

    async def run(self) -> None:
        """Write every 5 s until canceled."""
        while True:
            await asyncio.sleep(EVERY)
            await self.flush()


def notification_document(notification: Notification) -> dict[str, Any]:
    """Return a notification as Alertmanager writes it, for orjson with OPT_UTC_Z: parsed again, it is the same."""
    # By hand: the model's own dump copies each label, and took more than compressing the text does. Times are left to
    # orjson: writing them here took a third of the whole document.
    return {
        "version": notification.version,
        "groupKey": notification.group_key,
        "receiver": receiver_as_sent(notification.receiver),
        "status": notification.status,
        "alerts": [
            {
                "status": alert.status,
                "labels": alert.labels,
                "annotations": alert.annotations,
                "startsAt": alert.starts_at,
                "endsAt": alert.ends_at,
                "generatorURL": alert.generator_url,
                "fingerprint": alert.fingerprint,
            }
            for alert in notification.alerts
        ],
        "groupLabels": notification.group_labels,
        "commonLabels": notification.common_labels,
        "commonAnnotations": notification.common_annotations,
        "externalURL": notification.external_url,
        "truncatedAlerts": notification.truncated,
    }


def _batches(waiting: list[Came]) -> tuple[list[tuple[int, str]], list[tuple[str, str]]]:
    """Return the batches, and group and reason of each notification that cannot be written as JSON."""
    made: list[tuple[int, str]] = []
    unwritable: list[tuple[str, str]] = []
    lines: list[bytes] = []
    alerts = 0
    for at, notification in waiting:
        try:
            written = {"at": rfc3339(at), "notification": notification_document(notification)}
            lines.append(json_bytes(written, orjson.OPT_UTC_Z))
        except (TypeError, ValueError, RecursionError) as error:
            unwritable.append((notification.group_key, type(error).__name__))
            continue
        alerts += max(1, len(notification.alerts))
        if alerts >= BATCH:
            made.append((to_ms(at), packed(lines)))
            lines, alerts = [], 0
    if lines:
        made.append((to_ms(waiting[-1][0]), packed(lines)))
    return made, unwritable


def _lines(text: bytes) -> Iterator[dict[str, Any]]:
    return (orjson.loads(line) for line in text.split(b"\n") if line)
