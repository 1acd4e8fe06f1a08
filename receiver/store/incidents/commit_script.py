"""Builds the arguments of the script that writes a commit."""

from __future__ import annotations

from typing import Any

import orjson

from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import pack
from receiver.model.incident.review_record import review_record_text
from receiver.store.commit_mark import CommitMark
from receiver.store.incidents.commit_request import CommitRequest, OutboxRow
from receiver.store.incidents.stored_records import event_text, packed, state_text

NO_INCIDENT: dict[str, Any] = {
    "uid": "", "version": 0, "severity": "", "opened": 0, "open": False, "split": "", "past": "",
    "promised": False, "uncounted": False, "team": "", "parent": [], "apart": "",
}  # fmt: skip
"""The value that `commit.lua` reads in place of an incident if a commit writes none."""


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

    `number`: prefix, width and suffix of an id, used if the incident is new. `token` marks leased rows. `floor`: the
    highest number that is known to exist; a higher one is used. `mark`: the newest known commit; a store that lacks it
    writes nothing.
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
        "n": _counts(change),
    }
    args: list[Any] = [orjson.dumps(header)]
    _add_parts(args, change)
    return args


def _add_parts(args: list[Any], change: CommitRequest) -> None:
    # In the order in which the script reads them.
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


def _counts(change: CommitRequest) -> dict[str, int]:
    return {
        "events": len(change.events),
        "alerts": len(change.records),
        "bodies": len(change.bodies),
        "gone": len(change.gone),
        "owners": len(change.owners),
        "freed": len(change.freed),
    }


def _incident_fields(incident: Incident | None) -> dict[str, Any]:
    # The fields of the incident that the script needs, because it does not parse the incident's text.
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
