"""The responses to slash commands and buttons, with untrusted text only as plain text. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from receiver.channels.safe_text import clean
from receiver.channels.slack.mrkdwn import escape, flat
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.model.incident.response_records import CHECKLIST, OPTIONS, UpdateStatus

SECTION = 2900
SECTIONS = 3
"""Maximum number of blocks of 2,900 characters: some 8,700 of the 10,000 that a message may have."""
FORM = "incident_update"
"""callback_id of the form for status updates."""
SOON = (("15", "in 15 minutes"), ("30", "in 30 minutes"), ("60", "in an hour"))
LATER = (*SOON, ("120", "in two hours"), ("240", "in four hours"), ("480", "in eight hours"))

Body = dict[str, Any]


def said(text: str, *, blocks: Sequence[Body] = (), everybody: bool = False) -> Body:
    """Return a response with `text`, for the user or for everyone in the channel."""
    lines = clean(text, SECTION * SECTIONS, lines=True) or "done"
    shown = [_plain_section(part) for part in _parts(lines)]
    return {
        "response_type": "in_channel" if everybody else "ephemeral",
        "text": escape(flat(clean(text, 300)), 300) or "done",
        "blocks": [*shown, *blocks],
    }


def checklist(incident: Incident) -> list[Body]:
    """Return the investigation checklist as checkboxes."""
    done = {tick.item: tick for tick in incident.checklist}
    options = []
    for number, item in enumerate(CHECKLIST, 1):
        option: Body = {"text": _plain(item, 75), "value": str(number)}
        if number in done:
            tick = done[number]
            option["description"] = _plain(f"{clean(tick.by, 40)}, {tick.at:%H:%M} UTC", 75)
        options.append(option)
    boxes: Body = {"type": "checkboxes", "action_id": "incident_checklist", "options": options}
    ticked = [option for option in options if int(option["value"]) in done]
    if ticked:
        boxes["initial_options"] = ticked
    # The displayed checkmarks are sent back with each click.
    shown = ",".join(str(number) for number in sorted(done))
    return [{"type": "actions", "block_id": f"checklist {incident.label} {shown}".strip()[:255], "elements": [boxes]}]


def options(incident: Incident) -> list[Body]:
    """Return the mitigation options to choose from, with risk, time and effectiveness."""
    found = [
        {"text": _plain(f"{one.title} (risk {one.risk}, {one.time}, {one.effectiveness})", 75), "value": one.name}
        for one in OPTIONS
    ]
    choice = {
        "type": "static_select", "action_id": "incident_mitigate", "options": found,
        "placeholder": _plain("Choose a mitigation", 150),
    }  # fmt: skip
    return [{"type": "actions", "block_id": f"mitigate {incident.label}"[:255], "elements": [choice]}]


def form(incident: Incident) -> Body:
    """Return the form for a status update."""
    statuses = [{"text": _plain(status.value.capitalize(), 75), "value": status.value} for status in UpdateStatus]
    soon = [{"text": _plain(text, 75), "value": minutes} for minutes, text in SOON]
    later = [{"text": _plain(text, 75), "value": minutes} for minutes, text in LATER]
    return {
        "type": "modal",
        "callback_id": FORM,
        "private_metadata": json.dumps({"incident": incident.label}),
        "title": _plain("Status update", 24),
        "submit": _plain("Send", 24),
        "close": _plain("Cancel", 24),
        "blocks": [
            _plain_section(f"{incident.label} {incident.severity.value}: {incident.badge}{clean(incident.title, 300)}"),
            _input("status", "Status", {"type": "static_select", "action_id": "status_select", "options": statuses}),
            _input(
                "msg", "Text for customers",
                {"type": "plain_text_input", "action_id": "msg_input", "multiline": True, "max_length": 3000},
            ),
            _input(
                "cause", "Cause, worded for customers",
                {"type": "plain_text_input", "action_id": "cause_input", "max_length": 300}, optional=True,
            ),
            _input(
                "expected", "Expected to be resolved",
                {"type": "static_select", "action_id": "expected_select", "options": later}, optional=True,
            ),
            _input(
                "next", "Next update",
                {"type": "static_select", "action_id": "next_select", "options": soon}, optional=True,
            ),
        ],
    }  # fmt: skip


def listing(incidents: Iterable[IncidentSummary]) -> str:
    """Return one line per incident."""
    lines = [
        f"{one.label}  {one.severity.value}  {one.state.value}  {one.badge}{clean(one.title, 120)}"
        f"  ({f'{one.team}, ' if one.team else ''}{clean(one.acknowledged_by or 'not acknowledged', 60)})"
        for one in incidents
    ]
    return "\n".join(lines)


def _input(name: str, label: str, element: Body, *, optional: bool = False) -> Body:
    block = {"type": "input", "block_id": name, "label": _plain(label, 2000), "element": element}
    return {**block, "optional": True} if optional else block


def _plain(text: str, limit: int) -> Body:
    return {"type": "plain_text", "text": escape(text, limit), "emoji": False}


def _plain_section(text: str) -> Body:
    return {"type": "section", "text": _plain(text, 3000)}


def _parts(text: str) -> list[str]:
    parts, rest = list[str](), text
    while rest and len(parts) < SECTIONS:
        end = (
            len(rest)
            if len(rest) <= SECTION
            else (rest.rfind("\n", 1, SECTION) if "\n" in rest[1:SECTION] else SECTION)
        )
        parts.append(rest[:end].strip("\n") or " ")
        rest = rest[end:]
    return parts
