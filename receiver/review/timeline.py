"""The timeline of an incident in the format of the process: important events, in a few words each, times in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from receiver.model.incident.event import ActorKind, Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.postmortem import CorrectedTime
from receiver.model.incident.response_records import OPTIONS
from receiver.review.markdown_html import clock, escaped, span, table

NOISE = frozenset(
    {
        Kind.UPDATED, Kind.NOTIFY, Kind.PAGE, Kind.PAGE_PASSED, Kind.PARTIAL_VIEW, Kind.JOINED, Kind.REMINDER,
        Kind.ALL_HANDS, Kind.CHECK_UNKNOWN, Kind.UPSTREAM, Kind.STORM_COUNTED, Kind.MEASURED, Kind.STATUS_DUE,
        Kind.SEVERITY_PROPOSED, Kind.STEP_PASSED, Kind.RESOLUTION_PROPOSED, Kind.CHECKLIST, Kind.TIMER_STARTED,
        Kind.TIMER_STOPPED, Kind.CORRECTED, Kind.CLOCK_SET, Kind.RULE_KNOWN, Kind.ACTION_DUE, Kind.POSTMORTEM,
        Kind.POSTMORTEM_WRITTEN, Kind.ROOM, Kind.CLOSED,
        Kind.ACTION_ADDED, Kind.ACTION_CHANGED, Kind.LETTER, Kind.BUDGET_KNOWN, Kind.STATUS_DISCARDED, Kind.NOISE,
        Kind.SEEN_BEFORE, Kind.EXPRESSION_READ,
    }
)  # fmt: skip
"""Events that the log needs but that are not shown."""
MOVES = (Kind.ACKNOWLEDGED, Kind.IDENTIFIED, Kind.MONITORING, Kind.RESOLVED)
_LOSES = (Kind.ACKNOWLEDGEMENT_LAPSED, Kind.REOPENED, Kind.RESOLVED)
_OPTIONS = {option.name: option.title for option in OPTIONS}
_PEOPLE = (ActorKind.PERSON, ActorKind.API, ActorKind.SLACK, ActorKind.PAGERDUTY)

MINUTE = 60
WORDS = 2000
"""Maximum length of a person's text in a line of a document."""
_NOBODY: Mapping[str, str] = {}
Receipts = Iterable[Mapping[str, Any]]


def timeline(
    incident: Incident, events: Sequence[Event], receipts: Receipts = (), people: Mapping[str, str] = _NOBODY,
    *, authors: bool = False,
) -> str:  # fmt: skip
    """Return the whole timeline as Markdown. `people`: names of the people in the configuration.

    `authors`: whether each note names its author; the file in the format of the process does not, HTML pages do.
    """
    opened = incident.opened_at
    commander = incident.roles.incident_commander
    return "\n".join(
        [
            f"## {incident.badge}Incident Timeline",
            "",
            f"**Incident ID**: {escaped(incident.label)}  ",
            f"**Date**: {opened:%Y-%m-%d}  ",
            f"**Duration**: {duration(incident)}  ",
            f"**Severity**: {incident.severity}  ",
            f"**IC**: {escaped(people.get(commander, commander), 100) if commander else '-'}",
            "",
            "### Timeline (All times UTC)",
            "",
            *rows(incident, events, receipts, people if authors else None),
            "",
        ]
    )


def duration(incident: Incident) -> str:
    """Return its duration, using times that people have corrected; `ongoing` if it is not over."""
    ended = incident.clocks.get(CorrectedTime.RESOLVED) or incident.resolved_at or incident.closed_at
    began = incident.clocks.get(CorrectedTime.IMPACT_BEGAN) or incident.started_at
    if ended is None or not incident.state.over:
        return "ongoing"
    lasted = max(ended - began, timedelta())
    seconds = round(lasted.total_seconds())
    return f"{seconds}s" if 0 < seconds < MINUTE else span(lasted)


def rows(
    incident: Incident, events: Sequence[Event], receipts: Receipts = (), authors: Mapping[str, str] | None = None
) -> list[str]:
    """Return the table, oldest first by the time of the events, not by the time of their entry.

    `authors`: names of people, if each note should name its author.
    """
    day = incident.opened_at
    set_right, shown = corrections(events), readable(events)
    told = []
    for place, event in enumerate(shown):
        said = set_right.get(event.seq, {})
        after = shown[place + 1] if place + 1 < len(shown) else None
        line = escaped(said["text"], 300) if "text" in said else _line(event, incident, shown[:place], after)
        if line:
            if authors is not None and event.kind is Kind.NOTE and event.actor.kind in _PEOPLE:
                by = str(event.data.get("by") or event.actor.name)
                line = f"{line} ({escaped(authors.get(by, by), 100)})"
            at = datetime.fromisoformat(said["at"]) if "at" in said else happened_at(event)
            told.append((at, event.seq, line))
    for receipt in receipts:
        if receipt.get("room"):
            line = f"Incident channel created: {escaped(str(receipt['room']), 100)}"
            told.append((datetime.fromisoformat(receipt["at"]), receipt.get("seq", 0), line))
    return table(("Time", "Event"), [(clock(at, day), line) for at, _, line in sorted(told)])


def corrections(events: Iterable[Event]) -> dict[int, dict[str, Any]]:
    """Return the corrections of each entry, by its sequence number: `text`, `at`, `hidden`; the last one counts."""
    found: dict[int, dict[str, Any]] = {}
    for event in events:
        if event.kind is Kind.CORRECTED:
            said: dict[str, Any] = {n: event.data[n] for n in ("text", "at", "hidden") if n in event.data}
            found.setdefault(event.data["entry"], {}).update(said)
    return found


def readable(events: Sequence[Event]) -> list[Event]:
    """Return the entries for every reader of the incident: without hidden entries and their corrections."""
    said = corrections(events)
    hidden = {seq for seq, one in said.items() if one.get("hidden")}
    return [
        event
        for event in events
        if event.seq not in hidden and not (event.kind is Kind.CORRECTED and event.data["entry"] in hidden)
    ]


def cause_of(events: Sequence[Event]) -> str:
    """Return the last cause in the log, with corrections; "" for none."""
    set_right, shown = corrections(events), readable(events)
    found = ""
    for place, event in enumerate(shown):
        if event.kind is Kind.IDENTIFIED:
            found = str(set_right.get(event.seq, {}).get("text") or _cause(event, shown[:place])) or found
    return found


def choices_of(events: Sequence[Event]) -> list[str]:
    """Return the chosen mitigations as Markdown, with corrections."""
    set_right = corrections(events)
    found = []
    for event in readable(events):
        said = set_right.get(event.seq, {})
        if event.kind is Kind.MITIGATION:
            found.append(
                escaped(said["text"], 500) if "text" in said else _mitigation(event).removeprefix("Mitigation: ")
            )
    return found


def _cause(event: Event, before: Sequence[Event]) -> str:
    # The cause in an event of kind IDENTIFIED; `before`: the log until then.
    return _said(before) if event.reason == "status_update" else event.text.partition(": ")[2]


def happened_at(event: Event) -> datetime:
    """Return when something happened: of a note, the time that its author gave."""
    said = event.data.get("at")
    if event.kind is Kind.NOTE and isinstance(said, str):
        try:
            return datetime.fromisoformat(said)
        except ValueError:
            return event.at
    return event.at


def _line(event: Event, incident: Incident, before: Sequence[Event], after: Event | None) -> str:
    if event.kind in NOISE or _folded(event, after) or _had(event, before):
        return ""
    who, words = escaped(event.actor.name, 100), escaped(event.text, 300)
    if event.kind is Kind.OPENED:
        names = ", ".join(event.data.get("alerts") or incident.names[:3])
        return f"Alert: {escaped(names, 200)} triggered" if names else f"Declared: {escaped(incident.title, 200)}"
    if event.kind is Kind.ACKNOWLEDGED:
        return _taken(event, incident)
    if event.kind is Kind.IDENTIFIED:
        cause = _cause(event, before)
        return f"Root cause identified: {escaped(cause, 300)}" if cause else f"Root cause identified by {who}"
    if event.kind is Kind.MITIGATION:
        return _mitigation(event)
    if event.kind in (Kind.MONITORING, Kind.RESOLVED):
        return _moved(event)
    if event.kind is Kind.STATUS_UPDATE:
        return f"Status page updated: {words}" if event.data["update"].get("template") else _updated(event)
    if event.kind is Kind.NOTE:
        words = escaped(event.text, WORDS)
        # Names keep their spelling: p99, api-3, /healthz.
        if event.actor.kind in _PEOPLE and not (words.split() or [""])[0].isalpha():
            return words
    return words[:1].upper() + words[1:]


def _moved(event: Event) -> str:
    # The end of the response or of monitoring, with a person's text.
    line = "Monitoring period started" if event.kind is Kind.MONITORING else "Incident resolved"
    if event.actor.kind not in _PEOPLE:
        return line
    who, said = escaped(event.actor.name, 100), words_of(event)
    line += f" by {who}" if event.kind is Kind.RESOLVED else ""
    return f"{line}: {escaped(said, WORDS)}" if said else line


def _updated(event: Event) -> str:
    update = event.data["update"]
    by, text = escaped(str(update.get("by", "")), 100), escaped(str(update.get("text", "")), WORDS)
    return f"Status page updated by {by}: {update.get('status')}: {text}"


def words_of(event: Event) -> str:
    """Return the text that a person added to a change of state; "" for none."""
    return event.text.partition(": ")[2] if event.actor.kind in _PEOPLE else ""


def resolution_of(events: Sequence[Event]) -> str:
    """Return the last text with which a person resolved or mitigated the incident; "" if there is none."""
    moves = (event for event in reversed(readable(events)) if event.kind in (Kind.RESOLVED, Kind.MONITORING))
    return next((words for event in moves if (words := words_of(event))), "")


def _folded(event: Event, after: Event | None) -> bool:
    # Left out because of its contents, not its kind.
    if event.kind is Kind.CHANGES:
        return event.data["changes"].get("likely") is None
    if event.kind is Kind.ROLE:
        # The commander is named above the table; only a change is listed.
        return not event.data.get("before")
    if event.kind is Kind.STATUS_UPDATE:
        # A state change already says so.
        template = bool(event.data["update"].get("template"))
        moves = template and after is not None and after.kind in MOVES and after.reason == "status_update"
        return moves or not event.data["update"].get("published_at")
    return False


def _had(event: Event, before: Sequence[Event]) -> bool:
    # A further acknowledgement by the same person only renews the first, and is left out.
    if event.kind is not Kind.ACKNOWLEDGED:
        return False
    newest = next((one for one in reversed(before) if one.kind is Kind.ACKNOWLEDGED or one.kind in _LOSES), None)
    return newest is not None and newest.kind is Kind.ACKNOWLEDGED and _taker(newest) == _taker(event)


def _taker(event: Event) -> str:
    return str(event.data.get("by") or event.actor.name)


def _taken(event: Event, incident: Incident) -> str:
    name = _taker(event)
    rung = event.data.get("origin")
    role = next((page.contact for page in incident.pages if page.person == name or page.key == rung), None)
    who = escaped(name, 100)
    if role is None:
        return f"Acknowledged by {who}"
    return f"{escaped(role[:1].upper() + role[1:], 100)} acknowledged ({who})"


def _said(before: Sequence[Event]) -> str:
    if not before or before[-1].kind is not Kind.STATUS_UPDATE:
        return ""
    update = before[-1].data["update"]
    return str(update.get("cause") or update.get("text") or "")


def _mitigation(event: Event) -> str:
    made = event.data.get("mitigation") or {}
    option, text = str(made.get("option", "")), str(made.get("text", "") or event.text)
    title = _OPTIONS.get(option, option)
    # "Rollback initiated" names the option itself; "to v41" does not.
    plain = title if text in (title, "") else text if option.lower() in text.lower() else f"{title}: {text}"
    return f"{escaped(plain, 300)}" if plain != title else f"Mitigation: {escaped(title, 300)}"
