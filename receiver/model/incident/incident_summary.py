"""The summary of an open incident, in memory and in the store: the data to list, count, filter and page it.

The stored text is a JSON list that begins with its format. A reader that does not know the format derives the summary
from the snapshot, so a later version may add fields under a new format while replicas of both versions run.
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from receiver.model.base import from_ms
from receiver.model.incident.state import State
from receiver.model.severity import Severity

FORMAT = 1
FORMAT_OF_TEAMS = 2
"""The format for an incident with a team, which is the last field."""
FORMAT_OF_PRIVATE = 3
"""The format for a private incident: the last fields are its team, that it is private, and other teams that can see
it."""
TITLE = 300
"""Maximum length of the title: as much as the console shows."""
PAGES = 100
"""Maximum number of pages, the newest: older ones belong to rings that ended long ago."""


class PageMark(NamedTuple):
    """The identity of a page."""

    key: str
    """The vendor's deduplication key."""
    channel: str
    ring: int
    person: str
    withdrawn: bool
    unanswered: bool
    """Whether it is unanswered and open, or will be open, at the vendor."""


class IncidentSummary(NamedTuple):
    """One incident at one version; times are in milliseconds since the epoch."""

    uid: str
    id: str
    version: int
    severity: Severity
    state: State
    opened_ms: int
    title: str
    service: str | None
    drill: bool
    firing: int
    key: str
    keys: tuple[str, ...]
    episode: int
    ring: int
    pages: tuple[PageMark, ...]
    held: str | None
    merged: bool
    resolved_ms: int | None
    acknowledged_by: str | None
    owned: bool
    """Whether it has an Incident Commander or is acknowledged."""
    queued: bool
    """Whether its severity is tracked in the incident queue."""
    call_ms: int | None
    """When the next person will be paged; None: no one will."""
    answer_ms: int | None
    """When its pages count as unanswered with no one left to page; None: never."""
    public: bool
    """Whether it was published."""
    resume: State | None
    """While monitoring: the state that a relapse falls back to."""
    flapping: bool
    team: str = ""
    private: bool = False
    visible_to: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """`INC-2026-0001`, or a placeholder as long as it has no number."""
        return self.id or "(new incident)"

    @property
    def badge(self) -> str:
        """The prefix of its name, which marks a drill."""
        return "DRILL " if self.drill else ""

    @property
    def opened_at(self) -> datetime:
        """When it opened."""
        return from_ms(self.opened_ms)


def pack(summary: IncidentSummary) -> bytes:
    """Return the stored fields: all except uid, id and version, which the store has separately."""
    one = summary
    keys = None if one.keys == (one.key,) else one.keys
    last: int | None
    form, last = (FORMAT_OF_TEAMS, -2) if one.team else (FORMAT, -3)
    if one.private:
        form, last = FORMAT_OF_PRIVATE, None
    return orjson.dumps(
        [form, one.severity, one.state, one.opened_ms, one.title, one.service, one.drill, one.firing, one.key, keys,
         one.episode, one.ring, [tuple(page) for page in one.pages], *one[15:last]]
    )  # fmt: skip


def unpack(uid: str, number: str, version: int, text: str) -> IncidentSummary | None:
    """Return the summary that `pack` wrote; None if this version does not know its format, severity or state."""
    try:
        known = orjson.loads(text)
        if known[0] not in (FORMAT, FORMAT_OF_TEAMS, FORMAT_OF_PRIVATE):
            return None
        visible_to, private = (known.pop(), known.pop()) if known[0] == FORMAT_OF_PRIVATE else ((), False)
        team = known.pop() if known[0] != FORMAT else ""
        summary = _read(uid, number, version, known)
        return summary._replace(team=sys.intern(team), private=bool(private), visible_to=tuple(visible_to))
    except (ValueError, TypeError, IndexError, KeyError):
        return None


def _read(uid: str, number: str, version: int, known: list[Any]) -> IncidentSummary:
    _, severity, state, opened, title, service, drill, firing, key, keys, episode, ring, pages, *rest = known
    *rest, resume, flapping = rest
    rest += [State(resume) if resume is not None else None, flapping]
    return IncidentSummary(
        uid, number, version, Severity(severity), State(state), opened, title, sys.intern(service) if service else None,
        drill, firing, key, tuple(keys) if keys is not None else (key,), episode, ring,
        tuple(
            PageMark(name, sys.intern(channel), at, sys.intern(person), withdrawn, unanswered)
            for name, channel, at, person, withdrawn, unanswered in pages
        ),
        *rest,
    )  # fmt: skip
