"""Announcements: public messages that belong to no component."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import structlog

from receiver.channels.safe_text import clean
from receiver.incident.log.command_errors import InvalidField
from receiver.model.delivery.public_incident import PublicAnnouncement
from receiver.model.incident.event import Actor
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.shared_documents import ANNOUNCEMENTS
from receiver.store.incidents.commit_request import new_uid
from receiver.store.shared_documents import SharedDocuments

TITLE, TEXT = 200, 10_000
FORGOTTEN = timedelta(days=30)
"""How long an announcement is kept after its end."""

log = structlog.get_logger("receiver.status")


class NoSuchAnnouncement(LookupError):
    """There is no announcement with this id."""


class Announcements:
    """Publishes and removes announcements."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        shared_documents: SharedDocuments,
        reread: Callable[[], Awaitable[int]],
    ) -> None:
        """`reread` reads the shared documents, so that an answer already reflects the change."""
        self.setting = setting
        self.shared_documents = shared_documents
        self.reread = reread

    def all(self) -> Sequence[PublicAnnouncement]:
        """Return every announcement, including past ones, newest first."""
        return self.setting().announcements

    async def add(
        self, title: str, text: str, until: datetime | None, actor: Actor, now: datetime, *, once: str | None = None
    ) -> PublicAnnouncement:
        """Publish an announcement. `once`: an idempotency key.

        Raises InvalidField, SharedDocumentsFull, StoreAway.
        """
        if until is not None and until <= now:
            raise InvalidField("until", "it ends before it begins (write a time later than now)")
        number = hashlib.sha256(once.encode()).hexdigest()[:16] if once else new_uid()[:16]
        for old in self.all():
            if old.until is not None and old.until + FORGOTTEN < now:
                await self.shared_documents.take(ANNOUNCEMENTS, old.id)
        made = PublicAnnouncement(
            id=number, title=clean(title, TITLE), text=clean(text, TEXT, lines=True), at=now, until=until
        )
        await self.shared_documents.put(
            ANNOUNCEMENTS, number, made.model_dump(mode="json", exclude={"id"}), only_new=True
        )
        await self.reread()
        log.info("announcement_published", id=number, by=actor.name)
        return next((one for one in self.all() if one.id == number), made)

    async def remove(self, number: str, actor: Actor) -> PublicAnnouncement:
        """Remove an announcement from the page, and return it. Raises NoSuchAnnouncement, StoreAway."""
        found = next((one for one in self.all() if one.id == number), None)
        if found is None:
            raise NoSuchAnnouncement("there is no announcement with this id")
        await self.shared_documents.take(ANNOUNCEMENTS, number)
        await self.reread()
        log.info("announcement_removed", id=number, by=actor.name)
        return found
