"""A row of the due set that is leased to this replica."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from receiver.model.incident.event import Destination


class UnreadableRow(ValueError):
    """A row that a later version wrote, whose content this version cannot read."""


@dataclass(frozen=True)
class LeasedRow:
    """A row that is leased to this replica under `token`."""

    member: str
    token: str
    uid: str
    to: Destination
    cursor: int
    last: int
    tries: int
    """How often it was claimed, including this time: above 1, an earlier attempt may have arrived."""
    attempts: int
    """Number of failures since the last accepted delivery."""
    since_ms: int
    memory: dict[str, Any]
    lane: str = ""
    """The lane in which it is due: the lane of its channel, or that channel's urgent lane."""
    snapshot: tuple[str, str, str] | None = None
    """State (or the compressed incident), version and id of its incident as text, if they were read with it."""
    whole: bool = True
    """Whether it could be read completely; false for a row of a later version, whose other fields are left
    unchanged."""


def parse_row(member: str, token: str, values: Sequence[Any], snapshot: Sequence[Any] = ()) -> LeasedRow | None:
    """Return a stored row; None if it is leased to another replica by now. Raises TypeError or ValueError.

    `snapshot`: state, version, id and compressed text of its incident, if they were read.
    """
    uid, to, cursor, last, tries, attempts, since, memory, held, lane = values
    if to is None or held != token:
        return None
    return LeasedRow(
        member=member,
        token=token,
        uid=uid or "",
        to=Destination.model_validate_json(to),
        cursor=int(cursor or 0),
        last=int(last),
        tries=int(tries or 0),
        attempts=int(attempts or 0),
        since_ms=int(since or 0),
        memory=orjson.loads(memory) if memory else {},
        lane=lane or "",
        snapshot=(snapshot[0] or snapshot[3], snapshot[1], snapshot[2]) if any(snapshot) else None,
    )


def uid_of(member: str) -> str:
    """Return the uid of the incident whose row is named `member`.

    For a row without an incident, the result is no uid.
    """
    return member.partition(" ")[0]


def parse_row_partly(member: str, token: str, values: Sequence[Any]) -> LeasedRow | None:
    """Return the readable parts of a row that `parse_row` cannot read: its destination by name and lane, its counts.

    None if it is leased to another replica by now, or if not even these parts can be read.
    """
    uid, to, _, last, tries, attempts, since, memory, held, lane = values
    channel = str(lane or "").removesuffix("!")
    begin = f"{uid or '-'} {channel} "
    if held != token or not channel or not member.startswith(begin):
        return None
    written = _object(to)
    paging = written.get("paging") is True or str(lane).endswith("!")
    return LeasedRow(
        member=member,
        token=token,
        uid=uid or "",
        to=Destination(channel=channel, address=member.removeprefix(begin), paging=paging),
        cursor=0,
        last=_count(last),
        tries=_count(tries),
        attempts=_count(attempts),
        since_ms=_count(since),
        memory=_object(memory),
        lane=lane or "",
        whole=False,
    )


def _object(text: Any) -> dict[str, Any]:
    try:
        value = orjson.loads(text or "")
    except (TypeError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _count(text: Any) -> int:
    return int(text) if isinstance(text, str) and text.isdecimal() else 0
