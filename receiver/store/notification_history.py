"""Notifications that were taken, compressed in batches, capped by age and by size, shared by every replica."""

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
"""Batches that one look reads at most."""


@dataclass(frozen=True)
class Batch:
    """Some notifications, taken one after the other, as lines of JSON."""

    place: str
    """Where it stands: batches sort by it, the oldest first."""
    lines: bytes


class HistoryList:
    """The history of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """Texts are base64: the client reads text."""
        self.connection = connection
        self.key = connection.keys.named("history")
        self.texts = connection.keys.named("history:texts")
        self.size = connection.keys.named("history:size")

    async def keep(self, batches: Sequence[tuple[int, str]], now_ms: int, keep_ms: int, most: int) -> None:
        """Add batches (when the last of it came, its text from `packed`); what is too old or too much leaves.

        `most`: bytes of texts that are kept at most. Raises StoreAway.
        """
        arguments: list[str | int] = [self.texts, self.size, _place(now_ms - keep_ms), most, keep_ms]
        for at, text in batches:
            arguments += [f"{_place(at)}-{secrets.token_hex(6)}", text]
        await self.connection.write(KEEP, [self.key], arguments)

    async def last_ms(self) -> int | None:
        """Return when the newest notification that is kept came; None where none is. Raises StoreAway."""
        newest = await self.connection.call("ZREVRANGE", self.key, 0, 0)
        return stored_number(str(newest[0]).partition("-")[0]) or None if newest else None

    async def read(self, since_ms: int, after: str = "", most_bytes: int = 256 * 1024) -> tuple[list[Batch], bool]:
        """Return batches since a time, or after a place, and whether there are more. Raises StoreAway.

        As many as `most_bytes` of compressed text hold, and at least one.
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
            # One that has left between the two looks is no loss of its page.
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
