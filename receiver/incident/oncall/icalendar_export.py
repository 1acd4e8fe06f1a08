"""Exports a schedule as iCalendar (RFC 5545), for calendar applications. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from receiver.incident.oncall.on_call_shift import Reason, Roster, Shift

if TYPE_CHECKING:
    from icalendar import Event

BACK, AHEAD = timedelta(days=30), timedelta(days=90)
TYPE = "text/calendar"
_WHY = {
    Reason.ROTATION: "by rotation",
    Reason.COVER: "covers for someone who is away",
    Reason.OVERRIDE: "by override",
    Reason.NOBODY: "no one is on call",
}


def calendar_of(
    schedule: str, roster: Roster, names: Mapping[str, str], now: datetime, realm: str, person: str | None = None
) -> bytes:
    """Return the shifts of the last 30 and the next 90 days, including gaps; `person`: only the shifts of this person.

    A shift keeps its UID as long as it begins at the same moment. `names`: display names of people. `realm`:
    distinguishes this installation's calendars from those of others.
    """
    from icalendar import Calendar  # noqa: PLC0415  (a twentieth of the start, for whom no calendar is asked for)

    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//receiver//on call//EN")
    calendar.add("x-wr-calname", _line(f"On call: {schedule}"))
    calendar.add("refresh-interval", timedelta(hours=1), {"value": "DURATION"})
    for shift in roster.shifts(now - BACK, now + AHEAD):
        # A shift without a beginning would begin at a different time in each export.
        if shift.since is not None and person in (None, shift.person):
            calendar.add_component(_event(schedule, shift, shift.since, names, now, realm))
    made: bytes = calendar.to_ical()
    return made


def _event(schedule: str, shift: Shift, begins: datetime, names: Mapping[str, str], now: datetime, realm: str) -> Event:
    from icalendar import Event  # noqa: PLC0415

    event = Event()
    told = f"{realm}\n{schedule}\n{begins.isoformat()}"
    event.add("uid", f"{hashlib.sha256(told.encode()).hexdigest()[:32]}@receiver")
    event.add("dtstamp", now.replace(microsecond=0))
    event.add("dtstart", begins.replace(microsecond=0))
    event.add("dtend", shift.until.replace(microsecond=0))
    who = names.get(shift.person, shift.person) if shift.person else "NOBODY"
    follows = names.get(shift.next, shift.next) if shift.next else "no one"
    event.add("summary", _line(f"{who} on call ({schedule})"))
    event.add("description", _line(f"{_WHY[shift.reason]}; then {follows}"))
    event.add("transp", "TRANSPARENT")
    return event


def _line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
