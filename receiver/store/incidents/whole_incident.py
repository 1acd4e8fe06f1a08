"""All stored data of an incident, read at one moment, compressed or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from receiver.store.client.connection import Connection, Script
from receiver.store.incidents.compressed_format import StoredTexts, expand

READ = Script("incidents/read_whole")


class WholeIncident(NamedTuple):
    """A stored incident."""

    id: str
    version: str
    texts: StoredTexts
    receipts: Sequence[str]
    is_compressed: bool


async def read_whole(connection: Connection, uid: str, *, bodies: bool = True) -> WholeIncident | None:
    """Return the stored data of `uid`; None if there is none. `bodies`: whether to include the bodies of its alerts.

    A script reads it, because users with few permissions may not use MULTI. Raises StoreAway; ValueError if its
    compressed text is damaged.
    """
    args = [connection.keys.prefix, uid, int(bodies)]
    row, events, alerts, texts_of_alerts, receipts = await connection.run(READ, [connection.keys.incident(uid)], args)
    state, version, number, past, similar, compressed = row
    if state:
        texts = StoredTexts(state, past or "", similar or "", events, _pairs(alerts), _pairs(texts_of_alerts))
    elif compressed:
        texts = expand(compressed)
        texts = texts if bodies else texts._replace(bodies={})
    else:
        return None
    return WholeIncident(number or "", version or "", texts, receipts, not state)


def _pairs(flat: Sequence[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
