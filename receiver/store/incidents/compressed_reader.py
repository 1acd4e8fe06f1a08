"""Reads the log, records and bodies of an incident, compressed or not, and expands a compressed one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from receiver.store.client.connection import Connection, Script
from receiver.store.incidents.compressed_format import StoredTexts, expand
from receiver.store.incidents.stored_records import unreadable

EXPAND = Script("incidents/expand_incident")


class CompressedIncidents:
    """The compressed incidents of one namespace.

    An open incident is never compressed, so it needs no second read: the compressed text is read only if its own keys
    are empty.
    """

    def __init__(self, connection: Connection) -> None:
        """It has no state of its own."""
        self.connection = connection
        self.keys = connection.keys

    async def events(self, uid: str, after: int) -> Sequence[str]:
        """Return the stored events of `uid` after sequence number `after`. Raises StoreAway, IncidentUnreadable."""
        read = ("LRANGE", self.keys.log(uid), after, -1)
        found: Sequence[str] = await self._read(uid, read, lambda texts: texts.events[after:])
        return found

    async def alerts(self, uid: str) -> Mapping[str, str]:
        """Return the stored records of `uid` by fingerprint. Raises StoreAway, IncidentUnreadable."""
        found: Mapping[str, str] = await self._read(uid, ("HGETALL", self.keys.alerts(uid)), lambda texts: texts.alerts)
        return found

    async def bodies(self, uid: str) -> Mapping[str, str]:
        """Return the stored bodies of `uid` by fingerprint. Raises StoreAway, IncidentUnreadable."""
        found: Mapping[str, str] = await self._read(uid, ("HGETALL", self.keys.bodies(uid)), lambda texts: texts.bodies)
        return found

    async def _read(self, uid: str, command: Sequence[Any], part: Callable[[StoredTexts], Any]) -> Any:
        found = await self.connection.call(*command)
        if found:
            return found
        texts = await self.texts(uid)
        if texts is not None:
            return part(texts)
        # There is nothing, or another replica expanded it between the two reads.
        return await self.connection.call(*command)

    async def texts(self, uid: str) -> StoredTexts | None:
        """Return the compressed texts of `uid`; None if it is not compressed. Raises StoreAway, IncidentUnreadable."""
        known = await self._text(uid)
        return self._expanded(uid, known) if known else None

    async def expand(self, uid: str) -> bool:
        """Expand `uid`, so that it can be changed; return whether it was compressed.

        Raises StoreAway, IncidentUnreadable.
        """
        known = await self._text(uid)
        if not known:
            return False
        texts = self._expanded(uid, known)
        counts = {"events": len(texts.events), "alerts": len(texts.alerts), "bodies": len(texts.bodies)}
        header = {"prefix": self.keys.prefix, "uid": uid, "past": texts.past, "similar": texts.similar, "n": counts}
        args: list[Any] = [orjson.dumps(header), known[0], texts.state, *texts.events]
        for bag in (texts.alerts, texts.bodies):
            for name, text in bag.items():
                args.extend((name, text))
        return bool(await self.connection.write(EXPAND, [self.keys.incident(uid)], args))

    async def _text(self, uid: str) -> tuple[str, str] | None:
        text, number = await self.connection.call("HMGET", self.keys.incident(uid), "compressed", "id")
        return (text, number or "") if text else None

    @staticmethod
    def _expanded(uid: str, known: tuple[str, str]) -> StoredTexts:
        try:
            return expand(known[0])
        except ValueError as error:
            raise unreadable(uid, known[1], error) from None
