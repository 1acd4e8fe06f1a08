"""The history of accepted notifications: compressed batches, limited by age and size, shared by all replicas."""

from __future__ import annotations

import base64
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from receiver.store.client.connection import Connection, Script
from receiver.store.stored_numbers import stored_number

KEEP = Script("documents/keep_notifications")
AT_ONCE = 50
"""Maximum number of batches per read."""


@dataclass(frozen=True)
class Batch:
    """Consecutive notifications, as lines of JSON."""

    place: str
    """Its position, by which batches are sorted, oldest first."""
    lines: bytes


class HistoryList:
    """The history of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """Texts are base64, because the client reads text."""
        self.connection = connection
        self.key = connection.keys.named("history")
        self.texts = connection.keys.named("history:texts")
        self.size = connection.keys.named("history:size")

    async def keep(self, batches: Sequence[tuple[int, str]], now_ms: int, keep_ms: int, most: int) -> None:
        """Add batches (arrival of the last notification, and text from `packed`), and remove old or excess ones.

        `most`: maximum total size of the texts in bytes. Raises StoreAway.
        """
        arguments: list[str | int] = [self.texts, self.size, _place(now_ms - keep_ms), most, keep_ms]
        for at, text in batches:
            arguments += [f"{_place(at)}-{secrets.token_hex(6)}", text]
        await self.connection.write(KEEP, [self.key], arguments)

    async def last_ms(self) -> int | None:
        """Return the arrival of the newest stored notification; None if there is none. Raises StoreAway."""
        newest = await self.connection.call("ZREVRANGE", self.key, 0, 0)
        return stored_number(str(newest[0]).partition("-")[0]) or None if newest else None

    async def read(self, since_ms: int, after: str = "", most_bytes: int = 256 * 1024) -> tuple[list[Batch], bool]:
        """Return batches since a time, or after a position, and whether there are more. Raises StoreAway.

        As many as fit into `most_bytes` of compressed text, and at least one.
        """
        begin = f"({after}" if after else f"[{_place(since_ms)}"
        async with self.connection.guarded() as client:
            pipe = self.connection.pipeline(client)
            pipe.zrangebylex(self.key, begin, "+", 0, AT_ONCE)
            (members,) = await pipe.execute()
            if not members:
                return [], False
            pipe = self.connection.pipeline(client)
            pipe.hmget(self.texts, members)
            (texts,) = await pipe.execute()
        found: list[Batch] = []
        size = 0
        for member, text in zip(members, texts, strict=True):
            size += len(text or "")
            if found and size > most_bytes:
                return found, True
            # A batch that was removed between the two reads may be missing.
            found.append(Batch(member, unpacked(text) if text else b""))
        return found, len(members) == AT_ONCE


def packed(lines: Sequence[bytes]) -> str:
    """Return lines as the text of a batch."""
    return base64.b64encode(zlib.compress(b"\n".join(lines), 6)).decode()


def unpacked(text: str) -> bytes:
    """Return the lines of a batch."""
    return zlib.decompress(base64.b64decode(text))


def _place(at_ms: int) -> str:
    return f"{max(0, at_ms):015d}"
