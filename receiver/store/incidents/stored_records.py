"""Converts incidents, events and alert records to stored text, and reads them as far as this version can."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson
import structlog
from pydantic import ValidationError

from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import ActorKind, Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.policy_snapshot import Plan
from receiver.model.incident.stored_incident_json import incident_json
from receiver.model.json_bytes import json_bytes
from receiver.model.severity import Severity
from receiver.store.client.store_errors import IncidentUnreadable
from receiver.store.incidents.compressed_format import state_in

SENT_BY = "@"
"""The separator between the digest of a body, which is hexadecimal, and the name of its sender."""
_BESIDE = ("id", "version", "plan")
"""Fields that are stored outside the snapshot, or after the others."""
PLANS = 64
"""Number of plans whose text is cached, each with the plan itself: about 4 KB."""
_plans: dict[int, tuple[Plan, str]] = {}

log = structlog.get_logger("receiver.store")


def event_of(row: str | bytes) -> Event:
    """Parse a stored event.

    An event that only a later version can read becomes a note with its reason and text. Raises ValidationError, a
    ValueError.
    """
    try:
        return Event.model_validate_json(row)
    except ValidationError:
        written = orjson.loads(row)
        actor = written.get("actor")
        known = isinstance(actor, dict) and actor.get("kind") in list(ActorKind)
        if written.get("kind") in list(Kind) and known:
            raise
        # A person used an interface that only the later version has: the action and the person are known.
        changed: dict[str, Any] = {} if known else {"actor": {**dict(actor or {}), "kind": ActorKind.API}}
        if written.get("kind") not in list(Kind):
            changed |= {"kind": Kind.NOTE, "data": {}}
        return Event.model_validate_json(orjson.dumps(written | changed))


def readable(uid: str, *row: str) -> Incident | None:
    """Return the snapshot of state, version and id; None, with a log line, if it cannot be read.

    It is read together with others: one unreadable snapshot must not prevent pages for the others.
    """
    try:
        return incident_of(*row)
    except ValueError as error:
        unreadable(uid, row[2], error)
        return None


def unreadable(uid: str, number: str, error: Exception) -> IncidentUnreadable:
    """Return the condition for `error`, and log the names of the invalid fields."""
    places = error.errors(include_url=False, include_input=False) if isinstance(error, ValidationError) else ()
    log.error("incident_read_failed", uid=uid, id=number, fields=[one["loc"] for one in places])
    return IncidentUnreadable(uid, number)


def records_of(uid: str, rows: Mapping[str, str]) -> dict[str, AlertRecord]:
    """Return the records of the alerts of `uid`, by fingerprint; those that cannot be read are logged and left out."""
    found = {}
    for name, text in rows.items():
        try:
            found[name] = record_of(name, text)
        except (TypeError, ValueError) as error:
            log.error("alert_record_read_failed", uid=uid, fingerprint=name, why=str(error)[:200])
    return found


def incident_of(state: str, version: str | int, number: str) -> Incident:
    """Return the snapshot in `state`, which may be compressed. Raises ValueError."""
    written = orjson.loads(state_in(state))
    if not isinstance(written, dict):
        raise ValueError("the snapshot is not an object")
    return Incident.model_validate(written | {"id": number, "version": int(version)})


def bodies_of(uid: str, rows: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the bodies of the alerts of `uid`, by fingerprint; those that cannot be read are logged and left out."""
    found = {}
    for name, text in rows.items():
        try:
            found[name] = dict(orjson.loads(text))
        except (TypeError, ValueError) as error:
            log.error("alert_body_read_failed", uid=uid, fingerprint=name, why=str(error)[:200])
    return found


def record_of(name: str, text: str | bytes) -> AlertRecord:
    """Return the record of the alert `name` from the text that `packed` created. Raises ValueError.

    Additions of a later version at the end are ignored.
    """
    firing, starts, ends, severity, alert, body, seen, *more = orjson.loads(text)
    digest, _, sender = str(body).partition(SENT_BY)
    return AlertRecord(
        fingerprint=name,
        firing=bool(firing),
        starts_ms=starts,
        ends_ms=ends,
        severity=Severity(f"SEV-{severity}"),
        name=alert,
        digest=digest,
        seen_ms=seen,
        sender=sender or (more[0] if more and isinstance(more[0], str) else ""),
    )


def state_text(incident: Incident) -> str:
    """Return the stored text of an incident: JSON without its empty fields and the defaults of its plan.

    The plan was half of the bytes of an open incident, 90 % of them defaults. Every release can read a plan without
    them, so replicas of two releases are compatible.
    """
    text = incident_json(incident, _BESIDE).decode()
    return f'{text[:-1]},"plan":{_plan_text(incident.plan)}}}'


def _plan_text(plan: Plan) -> str:
    # Incidents that open under one configuration share the same plan.
    known = _plans.get(id(plan))
    if known is None or known[0] is not plan:
        if len(_plans) >= PLANS:
            _plans.clear()
        known = _plans[id(plan)] = plan, plan.model_dump_json(exclude_defaults=True)
    return known[1]


def event_text(event: Event) -> str | bytes:
    """Return the stored text of an event: the same JSON as the model's own, in a fifth of the time.

    The model inspects the type of each value of `data`; orjson supports almost all of them directly.
    """
    if not (
        event.__pydantic_extra__ or event.actor.__pydantic_extra__ or any(to.__pydantic_extra__ for to in event.to)
    ):
        actor = event.actor.__dict__ if event.actor.caller else {"kind": event.actor.kind, "name": event.actor.name}
        told = {**event.__dict__, "actor": actor, "to": [to.__dict__ for to in event.to]}
        with suppress(TypeError):
            return json_bytes(told, orjson.OPT_UTC_Z)
    return event.model_dump_json()


def packed(record: AlertRecord) -> bytes:
    """Return the stored text of `record`: seven parts in order, as JSON.

    Earlier releases read exactly seven parts, and they page from data that this release wrote. Therefore the sender
    follows the digest, which they only compare.
    """
    return json_bytes(
        [
            int(record.firing),
            record.starts_ms,
            record.ends_ms,
            record.severity.rank,
            record.name,
            f"{record.digest}{SENT_BY}{record.sender}" if record.sender else record.digest,
            record.seen_ms,
        ]
    )
