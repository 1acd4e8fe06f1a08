"""Shared documents: small documents that people create at run time, and that every replica reads when one changes.

Examples are overrides of schedules, maintenance windows and accepted hand-offs: settings that people change at run
time. Each has a kind and an id; the revision tells replicas (`DueSet.beat`) that a document has changed.
"""

from __future__ import annotations

from typing import Any

import orjson
import structlog

from receiver.store.client.connection import Connection, Script

POST = Script("documents/put_document")
MOST = 10_000
"""Maximum number of documents: a higher number is an error of the writer."""

log = structlog.get_logger("receiver.board")


class SharedDocumentsFull(Exception):
    """There is no space for another document."""


class SharedDocuments:
    """The shared documents of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """All documents are read at once, because there are few."""
        self.connection = connection
        self.keys = connection.keys

    async def read(self) -> tuple[int, dict[str, dict[str, dict[str, Any]]]]:
        """Return the revision, and every document by kind and id."""
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            pipe.get(self.keys.named("board:rev"))
            pipe.hgetall(self.keys.named("board"))
            revision, rows = await pipe.execute()
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for name, text in rows.items():
            kind, _, key = name.partition("/")
            document = _document(name, text)
            if document is not None:
                found.setdefault(kind, {})[key] = document
        return int(revision or 0), found

    async def put(self, kind: str, key: str, document: dict[str, Any], *, only_new: bool = False) -> bool:
        """Store a document durably; with `only_new`, only if it does not exist. Returns whether it was written.

        Raises SharedDocumentsFull.
        """
        reply = await self._post(kind, key, orjson.dumps(document).decode(), only_new=only_new)
        if reply == "full":
            raise SharedDocumentsFull(f"the board is full: it holds {MOST} documents")
        return reply == "ok"

    async def take(self, kind: str, key: str) -> bool:
        """Remove a document and return whether it existed."""
        return await self._post(kind, key, "") == "ok"

    async def _post(self, kind: str, key: str, text: str, *, only_new: bool = False) -> str:
        reply: str = await self.connection.write(
            POST, [self.keys.named("board")], [self.keys.named("board:rev"), f"{kind}/{key}", text, int(only_new), MOST]
        )
        return reply


def _document(name: str, text: str) -> dict[str, Any] | None:
    # No release writes such a document: it must not make all overrides and windows unreadable.
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        document = None
    if isinstance(document, dict):
        return document
    log.error("shared_document_read_failed", document=name[:100])
    return None
