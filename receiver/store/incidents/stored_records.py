"""Stored text -> incident, event and alert records, as far as this version can read what another has written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from pydantic import ValidationError

from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import ActorKind, Event, Kind
from receiver.model.incident.incident import Incident
from receiver.store.client.store_errors import IncidentUnreadable
from receiver.store.incidents.commit_request import record_of
from receiver.store.incidents.compressed_incident import state_in

log = structlog.get_logger("receiver.store")


def event_of(row: str | bytes) -> Event:
    """Return an event as it is stored. One that only a later version can read is a note here, with its reason and text.

    Raises ValidationError, a ValueError.
    """
    try:
        return Event.model_validate_json(row)
    except ValidationError:
        written = orjson.loads(row)
        actor = written.get("actor")
        known = isinstance(actor, dict) and actor.get("kind") in list(ActorKind)
        if written.get("kind") in list(Kind) and known:
            raise
        # Somebody used an interface that only the later version has: what was done is known, and by whom.
        changed: dict[str, Any] = {} if known else {"actor": {**dict(actor or {}), "kind": ActorKind.API}}
        if written.get("kind") not in list(Kind):
            changed |= {"kind": Kind.NOTE, "data": {}}
        return Event.model_validate_json(orjson.dumps(written | changed))


def readable(uid: str, *row: str) -> Incident | None:
    """Return the snapshot of state, version and id; None, with a line in the log, where it cannot be read.

    It is read among others: it must not take them all from those who call people for them.
    """
    try:
        return incident_of(*row)
    except ValueError as error:
        unreadable(uid, row[2], error)
        return None


def unreadable(uid: str, number: str, error: Exception) -> IncidentUnreadable:
    """Return the condition that `error` stands for, after a line in the log that names the fields."""
    places = error.errors(include_url=False, include_input=False) if isinstance(error, ValidationError) else ()
    log.error("incident_unreadable", uid=uid, id=number, fields=[one["loc"] for one in places])
    return IncidentUnreadable(uid, number)


def records_of(uid: str, rows: Mapping[str, str]) -> dict[str, AlertRecord]:
    """Return the records of the alerts of `uid`, by fingerprint; those that cannot be read are logged and left out."""
    found = {}
    for name, text in rows.items():
        try:
            found[name] = record_of(name, text)
        except (TypeError, ValueError) as error:
            log.error("alert_record_unreadable", uid=uid, fingerprint=name, why=str(error)[:200])
    return found


def incident_of(state: str, version: str | int, number: str) -> Incident:
    """Return the snapshot that `state` is, or holds compressed. Raises ValueError."""
    written = orjson.loads(state_in(state))
    if not isinstance(written, dict):
        raise ValueError("the snapshot is no object")
    return Incident.model_validate(written | {"id": number, "version": int(version)})


def bodies_of(uid: str, rows: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the bodies of the alerts of `uid`, by fingerprint; those that cannot be read are logged and left out."""
    found = {}
    for name, text in rows.items():
        try:
            found[name] = dict(orjson.loads(text))
        except (TypeError, ValueError) as error:
            log.error("alert_body_unreadable", uid=uid, fingerprint=name, why=str(error)[:200])
    return found
