"""All that is stored of an incident, read at one moment, whether it is compressed or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from receiver.store.client.connection import Connection, Script
from receiver.store.incidents.compressed_incident import StoredTexts, expand

READ = Script("incidents/read_whole")


class WholeIncident(NamedTuple):
    """An incident as it is stored."""

    id: str
    version: str
    texts: StoredTexts
    receipts: Sequence[str]
    is_compressed: bool


async def read_whole(connection: Connection, uid: str, *, bodies: bool = True) -> WholeIncident | None:
    """Return what is stored of `uid`; None where nothing is. `bodies`: whether those of its alerts are wanted.

    A script reads it: users with few rights may not use MULTI. Raises StoreAway; ValueError where it is compressed and
    damaged.
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
