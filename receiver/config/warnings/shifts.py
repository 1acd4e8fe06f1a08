"""Warnings about the shifts of the next days: gaps, and people who are their own backup."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from receiver.config.config_errors import Problem
from receiver.config.loader.config_draft import Draft
from receiver.incident.oncall.on_call_shift import Roster

AHEAD = timedelta(days=14)


def unwise(draft: Draft, now: datetime) -> Iterator[Problem]:
    """Yield warnings about the shifts of the 14 days from `now`."""
    sections, document = draft.sections, draft.document
    rosters = {name: Roster(schedule, sections.people) for name, schedule in sections.schedules.items()}
    for name, roster in rosters.items():
        gaps = roster.gaps(now, now + AHEAD)
        if gaps:
            zone = ZoneInfo(sections.schedules[name].timezone)
            more = f", and {len(gaps) - 1} more in the next {AHEAD.days} days" if len(gaps) > 1 else ""
            said = f"no one is on call {_span(*gaps[0], zone)}{more}"
            yield document.problem(("schedules", name), said, "fill it with a layer or an override", at_key=True)
    for name, contact in sections.contacts.items():
        backup = contact.backup.schedule if contact.backup else None
        if contact.schedule not in rosters or backup not in rosters:
            continue
        both = _both(rosters[contact.schedule], rosters[backup], now)
        if both is not None:
            person, begins, ends = both
            zone = ZoneInfo(sections.schedules[backup].timezone)
            said = f"{person} is on call and also the backup {_span(begins, ends, zone)}"
            hint = "change the order of people in one of the schedules"
            yield document.problem(("contacts", name, "backup"), said, hint, at_key=True)


def _both(first: Roster, second: Roster, now: datetime) -> tuple[str, datetime, datetime] | None:
    moment, end = now, now + AHEAD
    while moment < end:
        one, other = first.at(moment), second.at(moment)
        until = min(one.until, other.until)
        if one.person is not None and one.person == other.person:
            return one.person, moment, until
        moment = until
    return None


def _span(begins: datetime, ends: datetime, zone: ZoneInfo) -> str:
    return f"from {_moment(begins, zone)} to {_moment(ends, zone)} ({zone.key})"


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%a %Y-%m-%d %H:%M")
