"""A summary for people who join an incident late: its state and the actions taken, from the log. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from receiver.model.incident.event import ActorKind, Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import OPTIONS, Role
from receiver.review.markdown_html import clock, span
from receiver.review.timeline import cause_of, corrections

NOTE = 200
"""Maximum length of the last note."""
TEXT = 300
_OPTIONS = {option.name: option.title for option in OPTIONS}
_NOBODY: Mapping[str, str] = {}
_PEOPLE = (ActorKind.PERSON, ActorKind.API, ActorKind.SLACK, ActorKind.PAGERDUTY)


def catch_up(incident: Incident, events: Sequence[Event], now: datetime, people: Mapping[str, str] = _NOBODY) -> str:
    """Return at most ten sentences in plain text; people's texts are on one line and cut.

    `people`: the names of the people in the configuration.
    """
    day = now
    parts = [
        _opened(incident, now),
        _answered(incident, people, day),
        _roles(incident, people),
        _severity(incident, events, day),
        _line("Cause", incident.cause or _plain(cause_of(events))),
        _mitigation(incident, day),
        _state(incident, day),
        _line("Impact", incident.impact or ""),
        _public(incident, day),
        _note(events, day),
    ]
    return " ".join(part for part in parts if part)


def _opened(incident: Incident, now: datetime) -> str:
    over = incident.resolved_at or incident.closed_at
    lasted = f"lasted {span(over - incident.opened_at)}" if incident.state.over and over else ""
    lasted = lasted or f"has been open for {span(now - incident.opened_at)}"
    firing = "no alert is firing" if not incident.firing else f"{incident.firing} firing"
    firing = "declared by a person" if incident.declared and not incident.firing else firing
    return (
        f"{incident.badge}{incident.severity} {incident.label} {lasted} (since {clock(incident.opened_at, now)} UTC); "
        f"{firing}."
    )


def _answered(incident: Incident, people: Mapping[str, str], day: datetime) -> str:
    paged = dict.fromkeys(page.person for page in incident.pages)
    names = ", ".join(people.get(name, name) for name in list(paged)[:5])
    names += f" and {len(paged) - 5} more" if len(paged) > 5 else ""
    at = incident.first_acknowledged_at or incident.acknowledged_at
    if at is None:
        return f"Paged: {names}; no one has acknowledged it." if paged else "No one was paged."
    by = incident.acknowledged_by
    who = f" by {_one_line(people.get(by, by), 80)}" if by else ""
    return f"{f'Paged: {names}; a' if paged else 'A'}cknowledged{who} at {clock(at, day)}."


def _roles(incident: Incident, people: Mapping[str, str]) -> str:
    held = [(role.value.upper(), getattr(incident.roles, role.field)) for role in Role]
    named = [f"{title} is {_one_line(people.get(name, name), 80)}" for title, name in held if name]
    return f"{', '.join(named)}." if named else ""


def _severity(incident: Incident, events: Sequence[Event], day: datetime) -> str:
    changed = [one for one in events if one.kind in (Kind.SEVERITY_RAISED, Kind.SEVERITY_SET)]
    return f"{incident.severity} since {clock(changed[-1].at, day)}." if changed else ""


def _mitigation(incident: Incident, day: datetime) -> str:
    if not incident.mitigations:
        return ""
    last = incident.mitigations[-1]
    title = _OPTIONS.get(last.option, last.option)
    text = _one_line(f"{title}: {last.text}" if title and last.text else title or last.text, TEXT)
    return f"Mitigation at {clock(last.at, day)}: {text}{'' if text.endswith('.') else '.'}"


def _state(incident: Incident, day: datetime) -> str:
    at = {"monitoring": incident.monitoring_at, "resolved": incident.resolved_at, "closed": incident.closed_at}
    when = at.get(incident.state.value)
    if when is None:
        return ""
    return f"{incident.state.value.capitalize()} since {clock(when, day)}{_resolution(incident)}."


def _resolution(incident: Incident) -> str:
    return f": {_one_line(incident.resolution, TEXT).rstrip('.')}" if incident.resolution else ""


def _public(incident: Incident, day: datetime) -> str:
    told = [one for one in incident.updates if one.published_at is not None]
    if not told or told[-1].published_at is None:
        return ""
    return f"Last public update at {clock(told[-1].published_at, day)}: {told[-1].status.value}."


def _note(events: Sequence[Event], day: datetime) -> str:
    said = corrections(events)
    for event in reversed(events):
        if event.kind is Kind.NOTE and event.actor.kind in _PEOPLE and not said.get(event.seq, {}).get("hidden"):
            text = _one_line(str(said.get(event.seq, {}).get("text") or event.text), NOTE)
            return f"Last note ({clock(event.at, day)}): {text}{'' if text.endswith('.') else '.'}"
    return ""


def _line(title: str, text: str) -> str:
    text = _one_line(text, TEXT).rstrip(".")
    return f"{title}: {text}." if text else ""


def _one_line(text: str, limit: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _plain(markdown: str) -> str:
    # The cause in the log is escaped for Markdown.
    return markdown.replace("\\", "")
