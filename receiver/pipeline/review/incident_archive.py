"""Incidents that are older than `incidents.history`: written to files and removed, so that the store does not grow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog

from receiver.incident.followup.action_item_reminders import action_items_due
from receiver.model.base import from_ms, to_ms
from receiver.model.incident.response_records import ActionStatus
from receiver.pipeline.active_config import ActiveConfig
from receiver.store.incidents.expired_references import ExpiredReferences
from receiver.store.incidents.incident_archive import Archive, BadDocument, place_of, read
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.jsonl_files import append

NAME = "archive"
EVERY = timedelta(hours=6)
PART = 50
GRACE = timedelta(days=60)
"""How much longer the store keeps incidents that are archived, in case the folder cannot be written to."""

log = structlog.get_logger("receiver.archive")


class IncidentArchive:
    """Exports incidents from the store, and imports them."""

    def __init__(self, setting: Callable[[], ActiveConfig], archive: Archive, incidents: IncidentStore) -> None:
        """`incidents`: the store of incidents, which has the retention time."""
        self.setting = setting
        self.archive = archive
        self.incidents = incidents

    async def on_timer(self, now: datetime) -> datetime | None:
        """Write old incidents to files, and remove references to deleted ones; return when to run again.

        Raises StoreAway. If the folder cannot be written to, this is logged, and nothing is removed from the store.
        """
        setting = self.setting()
        before = to_ms(now - setting.kept_for)
        if setting.archive is not None:
            try:
                await self._shelve(setting.archive, before)
            except OSError as error:
                log.error("archive_write_failed", folder=setting.archive, why=error.strerror or str(error))
        dropped = await ExpiredReferences(self.archive.connection).run(before)
        if dropped:
            log.info("stale_entries_deleted", entries=dropped)
        return now + EVERY

    async def _shelve(self, folder: str, before_ms: int) -> None:
        place = ""
        while True:
            rows = await self.archive.opened(0, before_ms, place, PART)
            if not rows:
                return
            for uid, opened in rows:
                if await self.archive.restored(uid) > before_ms:
                    continue  # requested by a user
                document = await self.archive.document(uid)
                if document is None or not _old(document, before_ms):
                    continue
                name = f"{from_ms(opened):%Y-%m}.jsonl"
                # On disk first: a crash may leave duplicates, which the import recognizes.
                await asyncio.to_thread(append, folder, name, [orjson.dumps(document)])
                await self.archive.forget(document)
                log.info("incident_archived", incident=document["id"], file=name)
            place = place_of(rows[-1])
            if len(rows) < PART:
                return

    async def page(
        self, since: datetime | None, until: datetime | None, after: str, now: datetime
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return resolved incidents, oldest first, and the start of the next page. Raises StoreAway."""
        rows = await self.archive.opened(to_ms(since) if since else 0, to_ms(until or now), after, PART)
        found = [await self.archive.document(uid) for uid, _ in rows]
        over = [one for one in found if one is not None and one["state"]["state"] in ("resolved", "closed")]
        return over, place_of(rows[-1]) if len(rows) == PART else None

    async def take(self, documents: Sequence[Mapping[str, Any]], now: datetime) -> dict[str, Any]:
        """Import incidents; return how many were imported or already present, and those rejected. Raises StoreAway."""
        counts = {"restored": 0, "known": 0}
        refused = []
        for place, document in enumerate(documents):
            try:
                incident, _ = read(document)
                number = self.setting().id_parts(incident.opened_at)
                due = action_items_due(incident, self.setting().policy.of(incident))
                outcome = await self.archive.restore(
                    document, self.incidents.history_s, number, to_ms(now), to_ms(due) if due else 0
                )
                if outcome == "taken":
                    raise BadDocument(f"another incident has the id {incident.id}")
                counts[outcome] += 1
            except BadDocument as bad:
                refused.append({"index": place, "id": str(document.get("id", ""))[:100], "why": str(bad)})
        return {**counts, "refused": refused}


def _old(document: Mapping[str, Any], before_ms: int) -> bool:
    # Open incidents, recently changed ones, and those with open action items stay.
    state, events = document["state"], document["events"]
    promised = any(item["status"] == ActionStatus.OPEN for item in state.get("actions", ()))
    last = events[-1]["at"] if events else state["opened_at"]
    touched = to_ms(datetime.fromisoformat(last)) > before_ms
    return state["state"] in ("resolved", "closed") and not promised and not touched
