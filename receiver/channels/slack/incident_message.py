"""The Slack message about an incident, within Slack's limits; untrusted text has no effect. Pure.

Untrusted text is in `plain_text` elements, which Slack neither formats nor links; parts that must be `mrkdwn`
(mentions and links) consist of checked ids and URLs. `&`, `<` and `>` are escaped everywhere (Slack API, mrkdwn).
Together the parts stay below 10,000 characters, because Slack rejects some 13,200, which is not documented.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from receiver.channels.safe_text import clean, cut, labels_text
from receiver.channels.slack.mrkdwn import escape, flat, link, mention
from receiver.model.delivery.notice import AlertLine, Link, Mention, Notice
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State

HEADER_LIMIT = 150
TEXT_LIMIT = 300
SECTION_LIMIT = 3000
FIELD_LIMIT = 150
WHY_LIMIT = 1400
"""Maximum number of characters; the reasons have 800 of them, so that the text after them is never cut off."""
FIRING_LIMIT = 2600
PEOPLE_LIMIT = 500
LINKS_LIMIT = 2400
ALERTS_SHOWN = 10
EVENTS_SHOWN = 20
MENTIONS_SHOWN = 20

EVENT_TYPE = "receiver_incident"
NOTICE_TYPE = "receiver_notice"

INERT: dict[str, Any] = {
    "unfurl_links": False, "unfurl_media": False, "link_names": False, "parse": "none", "mrkdwn": False,
}  # fmt: skip
"""Fields of a post that disable links, mentions and formatting in its text."""

BUTTONS = (
    ("ack", "Acknowledge"), ("escalate", "Escalate"), ("take_ic", "Take IC"), ("resolve", "Resolve"),
    ("update", "Status update"),
)  # fmt: skip
"""Action and label of the buttons for an open incident."""


def summary(notice: Notice) -> str:
    """Return the message in one line of inert text, for notifications and for a Slack that refuses the blocks."""
    incident = notice.incident
    if incident is None:
        return escape(flat(clean(notice.text, SECTION_LIMIT)), SECTION_LIMIT) or "message"
    tail = f" ({incident.id}) is {incident.state.value}" if incident.id else f" is {incident.state.value}"
    head = f"{incident.badge}[{incident.severity.value}] "
    return head + escape(flat(clean(incident.title, TEXT_LIMIT)), TEXT_LIMIT - len(head) - len(tail)) + tail


def message(notice: Notice, *, clickable: bool = False) -> list[dict[str, Any]]:
    """Return the blocks of the message about an incident, or of a message without an incident.

    `clickable`: with buttons; without a signing secret no click would be accepted.
    """
    incident = notice.incident
    if incident is None:
        text = clean(notice.text, SECTION_LIMIT, lines=True) or "message"
        told = [_section(text, SECTION_LIMIT, "notice_text")]
        return [*told, _mrkdwn(_mentions(notice.mentions), "notice_people")] if notice.mentions else told
    title = clean(incident.title, HEADER_LIMIT)
    blocks: list[dict[str, Any]] = [
        {
            "type": "header",
            "block_id": "incident_header",
            "text": _plain(f"{incident.badge}{incident.severity.value} {title}", HEADER_LIMIT),
        },
        {"type": "section", "block_id": "incident_facts", "fields": _facts(incident)},
        _section(_why(incident), WHY_LIMIT, "incident_why"),
    ]
    if incident.firing or notice.alerts:
        blocks.append(_section(_firing(incident, notice.alerts), FIRING_LIMIT, "incident_firing"))
    if notice.paged:
        names = ", ".join(clean(name, 80) for name in notice.paged)
        blocks.append(_section(f"Paged: {names}", PEOPLE_LIMIT, "incident_paged"))
    if notice.mentions:
        blocks.append(_mrkdwn(f"Notified: {_mentions(notice.mentions)}", "incident_informed"))
    links = _links(notice)
    if links:
        blocks.append(_mrkdwn(links, "incident_links"))
    if clickable:
        blocks.append(buttons(incident))
    return [*blocks, _context(incident)]


def _context(incident: Incident) -> dict[str, Any]:
    text = f"{incident.label} · opened {date(incident.opened_at)}"
    elements = [{"type": "mrkdwn", "verbatim": True, "text": text}]
    return {"type": "context", "block_id": "incident_context", "elements": elements}


def buttons(incident: Incident) -> dict[str, Any]:
    """Return the row of buttons: the most frequent commands for the state."""
    over = incident.state.over
    shown = [("reopen", "Reopen"), ("close", "Close")] if over else list(BUTTONS)
    if incident.state is State.CLOSED:
        shown = shown[:1]
    elements = [
        {
            "type": "button",
            "action_id": f"incident_{name}",
            "value": incident.id or incident.uid,
            "text": {"type": "plain_text", "text": label, "emoji": False},
            **({"style": "primary"} if name == "ack" and incident.state is State.OPEN else {}),
        }
        for name, label in shown
    ]
    return {"type": "actions", "block_id": f"incident_actions {stage(incident)}", "elements": elements}


def stage(incident: Incident) -> str:
    """Return the progress of the escalation, which comes back with each click."""
    return f"{incident.ring}-{incident.ladder.step}"


def reply(events: Sequence[Event], mentions: Sequence[Mention], badge: str = "") -> tuple[str, list[dict[str, Any]]]:
    """Return text and blocks of the thread reply with all `events`, and mentions of newly notified people.

    `badge` comes first, because a notified person sees only the reply, without the message above.
    """
    lines = [f"• {line}" for event in events for line in _told(event)]
    if len(lines) > EVENTS_SHOWN:
        lines = [f"{len(lines) - EVENTS_SHOWN} earlier changes", *lines[-EVENTS_SHOWN:]]
    lines = [badge.strip(), *lines] if badge and lines else lines
    blocks = [_section("\n".join(lines), SECTION_LIMIT, "incident_news")] if lines else []
    if links := _past(events):
        blocks.append(_mrkdwn(links, "incident_similar"))
    if mentions:
        blocks.append(_mrkdwn(f"{badge}Notified: {_mentions(mentions)}", "incident_informed"))
    text = escape(flat("; ".join(clean(event.text, 400) for event in events)), TEXT_LIMIT - len(badge)) or "Notified"
    return f"{badge}{text}", blocks


def _told(event: Event) -> list[str]:
    if event.kind is not Kind.SEEN_BEFORE:
        return [clean(event.text, 400) or event.kind.value]
    return [f"Seen before: {clean(one['id'], 40)}: {clean(one['why'], 300)}" for one in _similar(event)]


def _past(events: Sequence[Event]) -> str:
    # Post-mortems of similar incidents; their addresses are made of the configuration and of ids.
    places = [one for event in events if event.kind is Kind.SEEN_BEFORE for one in _similar(event) if one["url"]]
    made = [link(Link(text=f"Post-mortem of {one['id']}", href=f"{one['url']}/postmortem")) for one in places]
    return " · ".join(one for one in made if one)


def _similar(event: Event) -> list[dict[str, str]]:
    given = event.data.get("similar")
    rows = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    return [{name: str(one.get(name) or "") for name in ("id", "why", "url")} for one in rows[:5]]


def metadata(notice: Notice, said: int, mentioned: Sequence[str]) -> dict[str, Any]:
    """Return the metadata of a message, by which it is found if its receipt was lost.

    `said` is the sequence number of the last event in the message, `mentioned` the people who were mentioned.
    """
    if notice.incident is None:
        return {"event_type": NOTICE_TYPE, "event_payload": {"notice": notice.key}}
    payload = {
        "incident_id": notice.incident.id,
        "uid": notice.incident.uid,
        "notice": notice.key,
        "said": said,
        "mentioned": list(mentioned),
    }
    return {"event_type": EVENT_TYPE, "event_payload": payload}


def date(moment: datetime) -> str:
    """Return `moment` in a form that Slack shows in each reader's own time zone."""
    return f"<!date^{int(moment.timestamp())}^{{date_short_pretty}} {{time}}|{moment:%Y-%m-%d %H:%M} UTC>"


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": escape(text, limit), "emoji": False}


def _section(text: str, limit: int, block_id: str) -> dict[str, Any]:
    return {"type": "section", "block_id": block_id, "text": _plain(text, limit)}


def _mrkdwn(text: str, block_id: str) -> dict[str, Any]:
    # verbatim: only explicit markup becomes a link or a mention.
    return {"type": "section", "block_id": block_id, "text": {"type": "mrkdwn", "verbatim": True, "text": text}}


def _facts(incident: Incident) -> list[dict[str, Any]]:
    facts = [
        f"Severity: {incident.severity.value}",
        f"State: {incident.state.value}",
        f"Service: {clean(incident.service or 'unknown', FIELD_LIMIT)}",
        f"Alerts: {incident.firing} firing, {incident.resolved} resolved",
    ]
    if incident.team:
        facts.append(f"Team: {clean(incident.team, FIELD_LIMIT)}")
    if incident.flaps:
        facts.append(f"Fired again: {incident.flaps} times" if incident.flaps > 1 else "Fired again: once")
    if incident.drill:
        facts.append("This is a drill")
    return [_plain(fact, FIELD_LIMIT) for fact in facts]


def _why(incident: Incident) -> str:
    decision = incident.decision
    text = f"Why {decision.severity.value}: rule {clean(decision.rule, 150)}"
    if decision.reasons:
        text += " (" + "; ".join(clean(reason, 200) for reason in decision.reasons) + ")"
    lines = [cut(text, 800) + (f", capped by {clean(decision.capped_by, 150)}" if decision.capped_by else "")]
    if decision.reach:
        lines.append(f"Scope: {clean(decision.reach, 150)}")
    if incident.changes is not None:
        lines.append(f"Recent changes: {clean(incident.changes.why, 300)}")
    if decision.worse:
        lines.append(f"For a higher severity: {clean(decision.worse, 200)}")
    if decision.rules_hash:
        lines.append(f"Rules: {clean(decision.rules_hash, 40)}")
    return "\n".join(lines)


def _firing(incident: Incident, alerts: Sequence[AlertLine]) -> str:
    shown = alerts[:ALERTS_SHOWN]
    more = max(incident.firing, len(alerts)) - len(shown)
    # The number of further alerts comes first, so that it is never cut off.
    head = f"Firing ({more} more not shown):" if more > 0 and shown else f"Firing: {incident.firing}"
    shared = labels_text(incident.labels, 300)
    labels = [f"Labels: {shared}"] if shared else []
    return "\n".join([head if more > 0 else "Firing:", *labels, *map(_alert, shown)])


def _alert(line: AlertLine) -> str:
    text = f"{clean(line.name, 80)}: {clean(line.summary, 170)}" if line.summary else clean(line.name, 80)
    return f"• {text}" + (f"\n   {clean(line.detail, 230)}" if line.detail else "")


def _mentions(people: Iterable[Mention]) -> str:
    return ", ".join(dict.fromkeys(mention(person) for person in list(people)[:MENTIONS_SHOWN]))


def _links(notice: Notice) -> str:
    own = [Link(text="Incident", href=notice.url)] if notice.url else []
    text = ""
    for one in [*own, *notice.links]:
        item = link(one)
        # A link is complete or omitted.
        if item and len(text) + len(item) + 3 <= LINKS_LIMIT:
            text += f" · {item}" if text else item
    return text
