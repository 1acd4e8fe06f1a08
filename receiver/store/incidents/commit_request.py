"""What one decision wants written, and how the script that writes it is told."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Destination, Event
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary, pack
from receiver.model.incident.incident_text import incident_text
from receiver.model.incident.policy_snapshot import Plan
from receiver.model.incident.review_record import review_record_text
from receiver.model.severity import Severity
from receiver.store.commit_mark import CommitMark

SENT_BY = "@"
"""Stands between the digest of a body, which is hexadecimal, and the name of its sender."""
_BESIDE = ("id", "version", "plan")
"""Fields that stand beside the snapshot, or behind the others."""
PLANS = 64
"""Plans whose text is kept, each with the plan itself: about 4 KB."""
_plans: dict[int, tuple[Plan, str]] = {}
NO_INCIDENT: dict[str, Any] = {
    "uid": "", "version": 0, "severity": "", "opened": 0, "open": False, "split": "", "past": "",
    "promised": False, "uncounted": False, "team": "", "parent": [], "apart": "",
}  # fmt: skip
"""What `commit.lua` reads in place of an incident when a commit writes none."""


class StaleVersion(Exception):
    """Somebody else committed first: decide again on fresh state."""


class RepeatedNotification(Exception):
    """This was done before, under the same key: nothing was written now."""

    def __init__(self, uid: str, number: str, version: int, what: str) -> None:
        """`what` is the text that was kept with it the first time."""
        super().__init__(f"taken before, by {number}")
        self.uid = uid
        self.id = number
        self.version = version
        self.what = what


@dataclass(frozen=True)
class OutboxRow:
    """One destination with something to send: `last` is the sequence number of the last event addressed to it."""

    member: str
    lane: str
    to: Destination
    last: int
    memory: dict[str, Any] | None = None
    """Set when something is known to have been sent before (an adopted emergency page)."""
    tries: int = 0
    receipt: dict[str, Any] | None = None
    """Of what was sent before."""
    done: bool = False
    """Whether nothing is left to be sent: the row is not due, unless somebody is just sending it."""
    put_off_ms: int = 0
    """Milliseconds after which it is due, instead of being leased to who commits; 0: at once."""


@dataclass(frozen=True)
class CommitRequest:
    """What one decision wants written. `incident` None: only tombs and digests."""

    incident: Incident | None
    about: Incident | None = None
    """With no incident to write: the one that the notification repeats, so that its next copy is answered from it."""
    events: Sequence[Event] = ()
    records: Mapping[str, AlertRecord] = field(default_factory=dict)
    bodies: Mapping[str, bytes] = field(default_factory=dict)
    gone: Sequence[str] = ()
    owners: Mapping[str, str] = field(default_factory=dict)
    """Firing fingerprints and who held them when the decision was made; "" is claimed for this incident."""
    freed: Sequence[str] = ()
    pointers: Mapping[str, str] = field(default_factory=dict)
    """Correlation keys that shall lead to this incident, and where they led when the decision was made."""
    turn: tuple[str, int] | None = None
    """The correlation key that was decided about, and its turn when it was read."""
    seen: Mapping[str, str] = field(default_factory=dict)
    tombs: Mapping[str, int] = field(default_factory=dict)
    untomb: Sequence[str] = ()
    rows: Sequence[OutboxRow] = ()
    timers: Mapping[str, int] = field(default_factory=dict)
    """Members of the timer lane and when (ms); 0 takes one away."""
    held: Sequence[tuple[str, str, int]] = ()
    unheld: Sequence[str] = ()
    once: Sequence[str] = ()
    """Idempotency keys of a caller; `what` is kept under them for 7 days."""
    what: str = ""
    storm: tuple[int, int] | None = None
    """For an incident that is new or calls anew: it is stale once so many have opened since that ms."""
    again: bool = False
    """Whether it fires again and calls people anew, which counts in a storm as an opening does."""
    into: str = ""
    """Where a merged incident's keys and owners lead from now on."""
    supersedes: str = ""
    """For an incident that is new: the uid of the one that it is opened for, which cannot be read."""
    unpoint: Sequence[str] = ()
    """Correlation keys that lead to this incident no longer."""
    frees: bool = False
    """Whether it answers, ends or escalates what the store has: it is written even when the store's memory is full."""
    summary: IncidentSummary | None = None
    """Of the incident as it is written; what is kept of it while it is open."""


@dataclass(frozen=True)
class Committed:
    """What a commit gave: the incident with its id and version, and the rows leased to who committed."""

    incident: Incident | None
    leased: tuple[str, ...]
    token: str
    number: int = 0
    """Which commit it was, counted from the first; 0 when no incident was written."""


def committed_as(incident: Incident | None, reply: Sequence[Any], token: str) -> Committed:
    """Return what `commit.lua` has answered to a commit of `incident` under `token` that was written."""
    _, number, version, commits, *leased = reply
    done = incident.model_copy(update={"id": number, "version": int(version)}) if incident else None
    return Committed(incident=done, leased=tuple(leased), token=token, number=int(commits))


def new_uid() -> str:
    """Return an identity that nobody else draws."""
    return secrets.token_hex(12)


def new_token() -> str:
    """Return the name of one commit, and of what it leases."""
    return secrets.token_hex(8)


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


def script_arguments(
    change: CommitRequest,
    *,
    prefix: str,
    ttl_s: int,
    now_ms: int,
    lease_ms: int,
    token: str,
    number: tuple[str, int, str],
    floor: int = 0,
    mark: CommitMark | None = None,
    epoch: str = "",
) -> list[Any]:
    """Return the arguments of `commit.lua` for `change`: a header that counts what follows it, then each part in turn.

    `number` is prefix, width and suffix of an id, used when the incident is new; `token` marks leased rows.
    `floor`: the highest number that is known to exist; a higher one is drawn. `mark`: the newest known commit; a store
    that does not have it writes nothing.
    """
    header = {
        "prefix": prefix,
        "op": token,
        "now": now_ms,
        "lease": lease_ms,
        "token": token,
        "ttl": ttl_s,
        "id": number,
        "floor": floor,
        "mark": list(mark or ()),
        "epoch": epoch,
        **_incident_fields(change.incident),
        **_change_fields(change),
        "n": {
            "events": len(change.events),
            "alerts": len(change.records),
            "bodies": len(change.bodies),
            "gone": len(change.gone),
            "owners": len(change.owners),
            "freed": len(change.freed),
        },
    }
    args: list[Any] = [orjson.dumps(header)]
    args.append(state_text(change.incident) if change.incident else "")
    args.extend(map(event_text, change.events))
    for name, record in change.records.items():
        args.extend((name, packed(record)))
    for name, body in change.bodies.items():
        args.extend((name, body))
    args.extend(change.gone)
    for name, owner in change.owners.items():
        args.extend((name, owner))
    args.extend(change.freed)
    return args


def _incident_fields(incident: Incident | None) -> dict[str, Any]:
    # What the script reads of the incident that is written: it does not parse the incident's own text.
    if incident is None:
        return NO_INCIDENT
    return {
        "uid": incident.uid,
        "version": incident.version,
        "severity": incident.severity,
        "opened": round(incident.opened_at.timestamp() * 1000),
        "open": not incident.state.over,
        "split": incident.key if incident.split_from else "",
        "past": review_record_text(incident),
        "promised": bool(incident.actions),
        "uncounted": incident.drill or incident.held_until is not None,
        "team": incident.team,
        "parent": [incident.parent, incident.severity.rank] if incident.held == "storm" else [],
        "apart": (incident.parent or "") if not incident.merged else "",
    }


def _change_fields(change: CommitRequest) -> dict[str, Any]:
    return {
        "keys": list(change.pointers.items()),
        "turn": list(change.turn or ()),
        "seen": list(change.seen.items()),
        "about": f"{change.about.severity}|{change.about.uid}|{change.about.id}" if change.about else "||",
        "tombs": list(change.tombs.items()),
        "untomb": list(change.untomb),
        "rows": [_row_fields(row) for row in change.rows],
        "timers": list(change.timers.items()),
        "held": list(change.held),
        "unheld": list(change.unheld),
        "once": list(change.once),
        "what": change.what,
        "storm": list(change.storm or ()),
        "into": change.into,
        "supersedes": change.supersedes,
        "unpoint": list(change.unpoint),
        "summary": pack(change.summary).decode() if change.summary else "",
        "again": change.again,
    }


def _row_fields(row: OutboxRow) -> list[Any]:
    return [
        row.member,
        row.lane,
        row.to.model_dump_json(),
        row.last,
        orjson.dumps(row.memory).decode() if row.memory is not None else "",
        row.tries,
        orjson.dumps(row.receipt).decode() if row.receipt is not None else "",
        int(row.done),
        row.put_off_ms,
    ]
