"""The hand-off from one on-call person to the next: its time, and its checklist. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from receiver.incident.oncall.on_call_shift import EVER, TICK, Roster, Shift
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import CHECKLIST, ActionItem, ActionStatus
from receiver.model.incident.state import State

LOOK_BACK = timedelta(hours=24)
"""How far back recent alerts are reviewed."""
ACCEPT_WITHIN = timedelta(hours=1)
"""Time to accept a hand-off if the schedule has no `respond_within`."""
GAP = timedelta(days=31)
"""How far back the outgoing person is searched for if a gap precedes the shift."""
SHOWN, CUT, LONGEST = 8, 160, 2900
"""Maximum lines of an item, characters of a line, and of the message, which may have 3,000."""
WORKED_ON = (State.ACKNOWLEDGED, State.IDENTIFIED, State.MONITORING)


@dataclass(frozen=True)
class HandOff:
    """The hand-off of a schedule from one person to the next."""

    schedule: str
    at: datetime
    outgoing: str | None
    """A key of `people`; None: no one has been on call."""
    incoming: str
    """A key of `people`."""
    until: datetime
    """When the incoming person's shift ends."""

    @property
    def key(self) -> str:
        """The identity of this hand-off."""
        return f"{self.schedule} {self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class HandoffMaintenance:
    """A maintenance window that starts, or is active, before the shift ends."""

    name: str
    begins: datetime | None
    """None: it is active now."""


@dataclass(frozen=True)
class HandoffContents:
    """The content of a hand-off."""

    open: Sequence[Incident]
    recent: Mapping[str, Sequence[AlertRecord]]
    """The alert records of incidents that had news in the last 24 hours, by uid."""
    promised: Sequence[tuple[str, ActionItem]]
    """Open action items, with the id of their incident."""
    maintenance_windows: Sequence[HandoffMaintenance]
    unreachable: Sequence[str]
    """Paging channels on which the incoming person has no address."""
    changed: bool | None
    """Whether the configuration has changed since the last hand-off; None: not known."""


def find_handoff(name: str, roster: Roster, shift: Shift) -> HandOff | None:
    """Return the hand-off at the start of `shift`; None if no one is on call, or the same person continues."""
    if shift.since is None or shift.person is None:
        return None
    before = roster.at(shift.since - TICK)
    while before.person is None and before.since is not None and shift.since - before.since < GAP:
        before = roster.at(before.since - TICK)
    if before.person == shift.person:
        return None
    return HandOff(name, shift.since, before.person, shift.person, shift.until)


def next_hand_off(name: str, roster: Roster, after: datetime, before: datetime) -> HandOff | None:
    """Return the first hand-off after `after` and not after `before`; None if there is none."""
    for shift in roster.shifts(after, before + TICK):
        found = find_handoff(name, roster, shift)
        if found is not None and (shift.since or EVER) > after:
            return found
    return None


def checklist(handing: HandOff, standing: HandoffContents, names: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Return the on-call hand-off checklist: each item with its details.

    `names`: display names of people. Titles and names of alerts are untrusted: each is shortened to one line.
    """
    running = [one for one in standing.open if one.state in WORKED_ON]
    who = names.get(handing.incoming, handing.incoming)
    lacking = [f"{who} has no address on {channel}" for channel in standing.unreachable]
    changed = {
        True: ["The configuration has changed since the last hand-off: send a test with `receiver send-alert`"],
        False: ["Nothing has changed since the last hand-off"],
        None: [],
    }[standing.changed]
    upkeep = [f"{one.name}: {_when(one.begins) if one.begins else 'now'}" for one in standing.maintenance_windows]
    return [
        ("Review open incidents", [_incident(one) for one in _ordered(standing.open)] or ["None is open"]),
        ("Review recent alerts (last 24h)", _recent(standing, handing.at) or ["There were none"]),
        ("Check ongoing investigations", [_investigation(one) for one in _ordered(running)] or ["None is in progress"]),
        ("Verify PagerDuty contact info", lacking or [f"{who} has an address on every paging channel"]),
        ("Test alerting (if changed)", changed),
        ("Review any scheduled maintenance", upkeep or [f"None before {_when(handing.until)}"]),
        ("Brief on known issues", _known(standing, handing) or ["No cause is known, no action item is due"]),
    ]


def handoff_text(handing: HandOff, standing: HandoffContents, names: Mapping[str, str]) -> str:
    """Return the hand-off as a message in plain text, at most LONGEST characters."""
    who = names.get(handing.incoming, handing.incoming)
    whom = f" from {names.get(handing.outgoing, handing.outgoing)}" if handing.outgoing else ""
    lines = [
        f"On-call hand-off: {who} takes over {handing.schedule}{whom}, until {_when(handing.until)}.",
        f"Accept it with /oncall accept, or `receiver oncall accept {handing.schedule}`.",
    ]
    for item, known in checklist(handing, standing, names):
        lines.append(f"[ ] {item}")
        more = len(known) - SHOWN
        lines += [f"    - {_line(one)}" for one in known[:SHOWN]] + ([f"    - and {more} more"] if more > 0 else [])
    text = "\n".join(lines)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def handoff_reminder(handing: HandOff, names: Mapping[str, str]) -> str:
    """Return the message to both people when the hand-off was not accepted in time."""
    who = names.get(handing.incoming, handing.incoming)
    whom = names.get(handing.outgoing or "", handing.outgoing or "")
    ask = f" {whom}, please make sure that they have seen it." if handing.outgoing else ""
    return (
        f"On-call hand-off of {handing.schedule} at {_when(handing.at)} has not been accepted yet. {who}, you are on "
        f"call: accept it with /oncall accept, or `receiver oncall accept {handing.schedule}`.{ask}"
    )


def _ordered(incidents: Iterable[Incident]) -> list[Incident]:
    return sorted(incidents, key=lambda one: (one.severity.rank, one.opened_at, one.uid))


def _incident(one: Incident) -> str:
    who = one.roles.incident_commander or one.acknowledged_by
    return f"{one.label} {one.severity} {one.state}: {_line(one.title, 90)}" + (f" ({who})" if who else " (no one yet)")


def _investigation(one: Incident) -> str:
    ticked = len({tick.item for tick in one.checklist})
    tried = f", tried: {', '.join(choice.option for choice in one.mitigations[-3:])}" if one.mitigations else ""
    return f"{one.label}: {ticked} of {len(CHECKLIST)} checks done{tried}"


def _recent(standing: HandoffContents, at: datetime) -> list[str]:
    since = at - LOOK_BACK
    counts: dict[str, list[int]] = {}
    for records in standing.recent.values():
        for record in records:
            if record.firing or max(record.starts_ms, record.seen_ms) >= since.timestamp() * 1000:
                counts.setdefault(_line(record.name, 80), [0, 0])[0 if record.firing else 1] += 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1][0], -sum(item[1]), item[0]))
    return [f"{name}: {firing} firing, {over} resolved" for name, (firing, over) in ordered]


def _known(standing: HandoffContents, handing: HandOff) -> list[str]:
    causes = [f"{one.label}: {_line(one.cause, 110)}" for one in _ordered(standing.open) if one.cause]
    last = handing.until.astimezone(UTC).date()
    due = [
        (item.due, f"{label} action {item.n}: {_line(item.title, 80)} ({item.owner}, {_due(item.due, handing.at)})")
        for label, item in standing.promised
        if item.status is ActionStatus.OPEN and item.due is not None and item.due <= last
    ]
    return [*causes, *(line for _, line in sorted(due))]


def _due(day: date, at: datetime) -> str:
    return f"overdue since {day}" if day < at.astimezone(UTC).date() else f"due {day}"


def _when(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%a %Y-%m-%d %H:%M} UTC"


def _line(text: str, most: int = CUT) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"
