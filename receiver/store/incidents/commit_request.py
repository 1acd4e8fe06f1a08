"""What one decision wants written, and how the script that writes it is told."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from receiver.model.incident.event import Destination, Event
from receiver.model.incident.incident import AlertRecord, Incident
from receiver.model.incident.incident_summary import IncidentSummary, pack
from receiver.model.incident.review_record import review_record_fields
from receiver.model.severity import Severity


class StaleVersion(Exception):
    """Somebody else committed first: decide again on fresh state."""


class RepeatedNotification(Exception):
    """A door has taken this before, under the same key: nothing was written now."""

    def __init__(self, uid: str, number: str, version: int, what: str) -> None:
        """`what` is the text that was kept with it the first time."""
        super().__init__(f"taken before, by {number}")
        self.uid = uid
        self.id = number
        self.version = version
        self.what = what


@dataclass(frozen=True)
class OutboxRow:
    """One destination that is owed something: `last` is the sequence number of the last event addressed to it."""

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
    """Keys of a door against repetition; `what` is kept under them for 7 days."""
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


def record_of(name: str, text: str) -> AlertRecord:
    """Return the record of the alert `name` from the text that `packed` made of it. Raises ValueError.

    What a later version has added behind it is passed over.
    """
    firing, starts, ends, severity, alert, digest, seen, *_ = orjson.loads(text)
    return AlertRecord(
        fingerprint=name,
        firing=bool(firing),
        starts_ms=starts,
        ends_ms=ends,
        severity=Severity(f"SEV-{severity}"),
        name=alert,
        digest=digest,
        seen_ms=seen,
    )


def state_text(incident: Incident) -> str:
    """Return what stands for an incident in the store, as JSON without its empty fields."""
    return incident.model_dump_json(exclude={"id", "version", *incident.empty_fields()})


def packed(record: AlertRecord) -> bytes:
    """Return what stands for `record` in the store: its parts in order, as JSON."""
    return orjson.dumps(
        [
            int(record.firing),
            record.starts_ms,
            record.ends_ms,
            record.severity.rank,
            record.name,
            record.digest,
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
) -> list[Any]:
    """Return the arguments of `commit.lua` for `change`: a header that counts what follows it, then each part in turn.

    `number` is prefix, width and suffix of an id, used when the incident is new; `token` marks leased rows.
    `floor`: the highest number that is known to exist; a higher one is drawn.
    """
    incident = change.incident
    header = {
        "prefix": prefix,
        "op": token,
        "uid": incident.uid if incident else "",
        "version": incident.version if incident else 0,
        "now": now_ms,
        "lease": lease_ms,
        "token": token,
        "ttl": ttl_s,
        "id": number,
        "floor": floor,
        "severity": incident.severity if incident else "",
        "opened": round(incident.opened_at.timestamp() * 1000) if incident else 0,
        "open": incident is not None and not incident.state.over,
        "keys": list(change.pointers.items()),
        "turn": list(change.turn or ()),
        "seen": list(change.seen.items()),
        "about": f"{change.about.severity}|{change.about.uid}|{change.about.id}" if change.about else "||",
        "tombs": list(change.tombs.items()),
        "untomb": list(change.untomb),
        "rows": [
            [
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
            for row in change.rows
        ],
        "timers": list(change.timers.items()),
        "held": list(change.held),
        "unheld": list(change.unheld),
        "once": list(change.once),
        "what": change.what,
        "storm": list(change.storm or ()),
        "into": change.into,
        "supersedes": change.supersedes,
        "unpoint": list(change.unpoint),
        "split": incident.key if incident and incident.split_from else "",
        "past": orjson.dumps(review_record_fields(incident)).decode() if incident else "",
        "summary": pack(change.summary).decode() if change.summary else "",
        "promised": bool(incident and incident.actions),
        "uncounted": bool(incident and (incident.drill or incident.held_until is not None)),
        "again": change.again,
        "parent": [incident.parent, incident.severity.rank] if incident and incident.held == "storm" else [],
        "apart": (incident.parent or "") if incident and not incident.merged else "",
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
    args.append(state_text(incident) if incident else "")
    args.extend(event.model_dump_json() for event in change.events)
    for name, record in change.records.items():
        args.extend((name, packed(record)))
    for name, body in change.bodies.items():
        args.extend((name, body))
    args.extend(change.gone)
    for name, owner in change.owners.items():
        args.extend((name, owner))
    args.extend(change.freed)
    return args
