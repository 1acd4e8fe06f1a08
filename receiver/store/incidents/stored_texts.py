"""The texts that stand for an incident, an event and the record of an alert in the store."""

from __future__ import annotations

from contextlib import suppress

import orjson

from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Event
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_text import incident_text
from receiver.model.incident.policy_snapshot import Plan
from receiver.model.severity import Severity

SENT_BY = "@"
"""Stands between the digest of a body, which is hexadecimal, and the name of its sender."""
_BESIDE = ("id", "version", "plan")
"""Fields that stand beside the snapshot, or behind the others."""
PLANS = 64
"""Plans whose text is kept, each with the plan itself: about 4 KB."""
_plans: dict[int, tuple[Plan, str]] = {}


def record_of(name: str, text: str | bytes) -> AlertRecord:
    """Return the record of the alert `name` from the text that `packed` made of it. Raises ValueError.

    What a later version has added behind it is passed over.
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
    """Return what stands for an incident in the store, as JSON without its empty fields and the defaults of its plan.

    The plan was half of the bytes of an open incident, nine tenths of them defaults. Every release reads a plan without
    them, so replicas of two releases understand each other.
    """
    text = incident_text(incident, _BESIDE).decode()
    return f'{text[:-1]},"plan":{_plan_text(incident.plan)}}}'


def _plan_text(plan: Plan) -> str:
    # Incidents that open under one configuration have one and the same plan.
    known = _plans.get(id(plan))
    if known is None or known[0] is not plan:
        if len(_plans) >= PLANS:
            _plans.clear()
        known = _plans[id(plan)] = plan, plan.model_dump_json(exclude_defaults=True)
    return known[1]


def event_text(event: Event) -> str | bytes:
    """Return what stands for an event in the log: the same JSON as the model's own, in a fifth of the time.

    The model looks at the type of each value of `data`; orjson knows them all but a few.
    """
    if not (
        event.__pydantic_extra__ or event.actor.__pydantic_extra__ or any(to.__pydantic_extra__ for to in event.to)
    ):
        actor = event.actor.__dict__ if event.actor.caller else {"kind": event.actor.kind, "name": event.actor.name}
        told = {**event.__dict__, "actor": actor, "to": [to.__dict__ for to in event.to]}
        with suppress(TypeError):
            return orjson.dumps(told, option=orjson.OPT_UTC_Z)
    return event.model_dump_json()


def packed(record: AlertRecord) -> bytes:
    """Return what stands for `record` in the store: seven parts in order, as JSON.

    Earlier releases read seven parts and no more, and they page from what this one wrote. The sender therefore stands
    behind the digest, which they only compare.
    """
    return orjson.dumps(
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
