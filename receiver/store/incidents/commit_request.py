"""What one decision wants written, and what became of it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Destination, Event
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary


class StaleVersion(Exception):
    """Another replica committed first: decide again on fresh state."""


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
