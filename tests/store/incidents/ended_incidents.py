"""Ended incidents as commits write them, and everything that readers return for one."""

from __future__ import annotations

from typing import Any

from receiver.model.base import from_ms
from receiver.model.incident.incident import Incident
from receiver.store.incidents.commit_request import CommitRequest, new_uid
from receiver.store.incidents.incident_archive import Archive
from receiver.store.incidents.incident_compressor import IncidentCompressor
from receiver.store.incidents.incident_labels import read_labels
from receiver.store.incidents.open_summaries import OpenSummaries
from receiver.store.incidents.review_record_reader import ReviewRecordReader
from receiver.store.incidents.similar_index import SimilarIndex
from receiver.store.incidents.store_recovery import StoreMemory
from tests.incident.fixtures import Store, alert, at, part
from tests.store.fixtures import MS, Rooms

LATER = MS + 7_200_000
"""A time, in ms, at which every incident of these tests has been over for an hour and a half."""


def over(key: str = "key", *, alerts: int = 1, **changed: Any) -> CommitRequest:
    """Return the change that writes an incident with its whole life: opened, monitored, resolved.

    `changed`: fields of its snapshot that are to have other values.
    """
    store = Store()
    names = [f"A{number}" for number in range(alerts)]
    store.tell(part(*(alert(name, pod=f"p-{name}") for name in names), key=key), at(0))
    store.tell(part(*(alert(name, pod=f"p-{name}", firing=False) for name in names), key=key), at(60))
    store.tick(at(60 + 16 * 60))
    incident = store.incidents["uid0"].model_copy(update={"uid": new_uid(), **changed})
    assert incident.state.over
    records = store.records["uid0"]
    return CommitRequest(
        incident=incident,
        events=store.logs["uid0"],
        records=records,
        bodies=dict.fromkeys(records, b'{"labels":{"alertname":"A\xc3\xa4"},"annotations":{}}'),
        pointers={key: ""},
        turn=(key, 0),
        seen={f"group-{key}": "digest"},
    )


async def written(rooms: Rooms, **more: Any) -> Incident:
    """Commit such an incident, and return it."""
    done = await rooms.commit(over(**more))
    assert done.incident is not None
    return done.incident


async def compressed(rooms: Rooms, most: int = 1000) -> int:
    """Compress ended incidents, and return their number."""
    count, _ = await IncidentCompressor(rooms.connection).compress(LATER, most)
    return count


async def reading(rooms: Rooms, uid: str, key: str = "key") -> dict[str, Any]:
    """Return everything that the store's readers return for an incident."""
    incidents, connection = rooms.incidents, rooms.connection
    known = await incidents.known(key, f"group-{key}", [])
    unindexed = await SimilarIndex(connection).unindexed(60_000)
    assert unindexed is not None
    rooms.raw.delete(rooms.named("similar:turn"))
    memory = StoreMemory(connection)
    (whole,), (lean,) = await memory.copies([uid]), await memory.copies([uid], lean=True)
    return {
        "incident": await incidents.incident(uid),
        "partial": await incidents.partial(uid, from_ms(LATER)),
        "many": await incidents.many([uid]),
        "listing": await incidents.listing(),
        "events": await incidents.events(uid),
        "later events": [await incidents.events(uid, after) for after in (1, 3, 99)],
        "records": await incidents.records(uid),
        "records of": await incidents.records_of([uid, "f" * 24]),
        "bodies": await incidents.bodies(uid),
        "known": known,
        "page": incidents.page_of(uid, await incidents.ask_page(uid)),
        "copies": [whole, lean],
        "diverged": await memory.diverged([whole]),
        "document": await Archive(connection).document(uid),
        "reviews": [one async for one in ReviewRecordReader(connection).since(0)],
        "labels": await read_labels(incidents, [uid]),
        "summaries": await OpenSummaries(incidents).read([uid]),
        "unindexed": unindexed,
    }
