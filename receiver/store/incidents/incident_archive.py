"""Exports whole incidents from the store and imports them: each is one document with its ids and times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from receiver.model.base import to_ms
from receiver.model.incident.event import Event
from receiver.model.incident.incident import Incident
from receiver.model.incident.review_record import review_record_fields
from receiver.store.client.connection import Connection, Script
from receiver.store.incidents.stored_records import state_text
from receiver.store.incidents.whole_incident import read_whole

RESTORE = Script("incidents/restore_archived")
FORGET = Script("incidents/delete_archived")
FORMAT = 1
"""The version of the documents; a later one is rejected with its number."""
_TIME = 12
"""Number of digits of the time in an incident's position."""
_UID = re.compile(r"[0-9a-f]{1,48}")
_EVENTS = TypeAdapter(list[Event])


class BadDocument(ValueError):
    """The document is not an incident that was exported here."""


class Archive:
    """Exports, imports and removes whole incidents."""

    def __init__(self, connection: Connection) -> None:
        """It has no state of its own."""
        self.connection = connection
        self.keys = connection.keys

    async def opened(self, since_ms: int, until_ms: int, after: str = "", most: int = 50) -> list[tuple[str, int]]:
        """Return uid and time (ms) of incidents opened in a period, oldest first.

        `after`: the position of the last one, which need not exist anymore.
        """
        index, found, offset = self.keys.named("index"), list[tuple[str, int]](), 0
        mark = (int(after[:_TIME] or "0", 16), after[_TIME:])
        async with self.connection.guarded() as client:
            while len(found) < most:
                rows = await client.zrange(
                    index, max(since_ms, mark[0]), until_ms, byscore=True, offset=offset, num=most, withscores=True
                )
                found += [(name, int(score)) for name, score in rows if (int(score), name) > mark]
                offset += len(rows)
                if len(rows) < most:
                    break
        return found[:most]

    async def restored(self, uid: str) -> int:
        """Return when the incident `uid` was imported, in ms; 0: never. Raises StoreAway."""
        async with self.connection.guarded() as client:
            return int(await client.hget(self.keys.incident(uid), "restored") or 0)

    async def document(self, uid: str) -> dict[str, Any] | None:
        """Return the incident `uid` as a document; None if it does not exist. It contains no pager addresses."""
        whole = await read_whole(self.connection, uid)
        if whole is None:
            return None
        state, _, _, log, alerts, bodies = whole.texts
        return {
            "format": FORMAT,
            "id": whole.id,
            "uid": uid,
            "version": int(whole.version),
            "state": _bare(orjson.loads(state)),
            "events": [_bare(orjson.loads(row)) for row in log],
            "alerts": {name: orjson.loads(text) for name, text in alerts.items()},
            "bodies": {name: orjson.loads(text) for name, text in bodies.items()},
            "receipts": [orjson.loads(row) for row in whole.receipts],
        }

    async def restore(
        self,
        document: Mapping[str, Any],
        history_s: int,
        number: tuple[str, int, str],
        now_ms: int,
        remind_ms: int = 0,
    ) -> str:
        """Import an incident: `restored`, `known` or `taken`. Raises BadDocument, StoreAway.

        `remind_ms`: when the owner of an open action item is next reminded; 0: there is none. `number`: prefix, width
        and suffix of ids at the time of its opening; the next new id is higher.
        """
        incident, events = read(document)
        drawn = _number(incident.id, number)
        header = {
            "prefix": self.keys.prefix,
            "uid": incident.uid,
            "id": incident.id,
            "version": incident.version,
            "past": orjson.dumps(review_record_fields(incident)).decode(),
            "opened": to_ms(incident.opened_at),
            "ttl": history_s,
            "now": now_ms,
            "remind": remind_ms,
            "number": [number[0], drawn] if drawn is not None else [],
            "promised": bool(incident.actions),
            "keys": list(incident.keys),
            "n": {name: len(document[name]) for name in ("events", "alerts", "bodies", "receipts")},
        }
        args: list[Any] = [orjson.dumps(header), state_text(incident)]
        args.extend(event.model_dump_json() for event in events)
        for bag in ("alerts", "bodies"):
            for name, value in document[bag].items():
                args.extend((name, orjson.dumps(value)))
        args.extend(orjson.dumps(row) for row in document["receipts"])
        return str(await self.connection.write(RESTORE, [self.keys.incident(incident.uid)], args))

    async def forget(self, document: Mapping[str, Any]) -> bool:
        """Remove an incident that is stored as in `document`; return False if it has changed. Raises StoreAway."""
        args = [self.keys.prefix, document["uid"], document["id"], str(document["version"])]
        return bool(await self.connection.write(FORGET, [self.keys.incident(document["uid"])], args))


def place_of(row: tuple[str, int]) -> str:
    """Return the position of an incident, which the request for the next page contains."""
    return f"{row[1]:0{_TIME}x}{row[0]}"


def read(document: Mapping[str, Any]) -> tuple[Incident, list[Event]]:
    """Return the incident and its log. Raises BadDocument with the reason."""
    if document.get("format") != FORMAT:
        raise BadDocument(f"format: not {FORMAT} (give a file that `receiver export` wrote)")
    for name, kind in (("state", dict), ("events", list), ("alerts", dict), ("bodies", dict), ("receipts", list)):
        if not isinstance(document.get(name), kind):
            raise BadDocument(f"{name}: is missing, or not {'an object' if kind is dict else 'a list'}")
    if not all(isinstance(row, list) and len(row) == 7 for row in document["alerts"].values()):
        raise BadDocument("alerts: not records as they were exported")
    if not all(isinstance(row, dict) for row in (*document["bodies"].values(), *document["receipts"])):
        raise BadDocument("bodies and receipts: not objects")
    whole = {**document["state"], "id": document.get("id"), "version": document.get("version")}
    try:
        incident = Incident.model_validate_json(orjson.dumps(whole))
        events = _EVENTS.validate_json(orjson.dumps(document["events"]))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadDocument(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"[:300]) from None
    own = incident.uid == document.get("uid") and _UID.fullmatch(incident.uid) is not None
    if not own or not incident.id or incident.version < 1:
        raise BadDocument("id, uid, version: not those of an incident")
    if not incident.state.over:
        raise BadDocument(f"{incident.id} is {incident.state}: only a finished incident can be imported")
    if [event.seq for event in events] != list(range(1, incident.seq + 1)):
        raise BadDocument(f"events: not the whole log, 1 to {incident.seq}")
    return incident, events


def _bare(value: Any) -> Any:
    # The routing key of a page is a secret of the channel.
    if isinstance(value, dict):
        page = "ring" in value and "contact" in value and "address" in value
        return {name: "" if page and name == "address" else _bare(inner) for name, inner in value.items()}
    return [_bare(inner) for inner in value] if isinstance(value, list) else value


def _number(text: str, parts: tuple[str, int, str]) -> int | None:
    inner = text.removeprefix(parts[0]).removesuffix(parts[2])
    fits = text == f"{parts[0]}{inner}{parts[2]}" and inner.isascii() and inner.isdigit() and len(inner) <= 12
    return int(inner) if fits else None
