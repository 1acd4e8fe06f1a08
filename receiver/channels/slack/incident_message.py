"""What a Slack message about an incident says: pure, within Slack's limits, with nothing foreign alive in it.

Foreign text stands in `plain_text` elements, which Slack neither formats nor links; what must be `mrkdwn` (mentions
and links) is made of checked ids and URLs. `&`, `<` and `>` are escaped everywhere (slack.md, mrkdwn safety).
Together the parts stay below 10,000 characters, since Slack refuses some 13,200 although that is documented nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from receiver.channels.safe_text import clean, cut, href, labels_text
from receiver.model.delivery.notice import AlertLine, Link, Mention, Notice
from receiver.model.incident.event import Event
from receiver.model.incident.incident import Incident, State

HEADER_LIMIT = 150
TEXT_LIMIT = 300
SECTION_LIMIT = 3000
FIELD_LIMIT = 150
WHY_LIMIT = 1400
"""Of which the reasons have 800, so that what follows them is never cut off."""
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
"""What a post must say besides its text, so that nothing in it comes alive."""

USER = re.compile(r"[UW][A-Z0-9]+")
_GROUP = re.compile(r"S[A-Z0-9]+")
BUTTONS = (
    ("ack", "Acknowledge"), ("escalate", "Escalate"), ("take_ic", "Take IC"), ("resolve", "Resolve"),
    ("update", "Status update"),
)  # fmt: skip
"""Action and label of what can be done to an incident that is not over."""
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# What formats inside a word or around one; an underscore in the middle of a word formats nothing and stays.
_FORMATTING = re.compile(r"[*~`]|(?<![^\W_])_+|_+(?![^\W_])")


def escape(text: str, limit: int) -> str:
    """Return `text` escaped for Slack and cut: at most `limit` characters when escaped, and no entity broken."""
    parts = [_ENTITIES.get(character, character) for character in text[: limit + 1]]
    if len(text) <= limit and sum(map(len, parts)) <= limit:
        return "".join(parts)
    room = max(limit - 1, 0)
    tail = _fitting([_ENTITIES.get(character, character) for character in reversed(text[-limit:])], room // 3)
    head = _fitting(parts, room - sum(map(len, tail)))
    return "".join((*head, "…"[:limit], *reversed(tail)))


def _fitting(parts: Sequence[str], room: int) -> list[str]:
    found: list[str] = []
    for part in parts:
        room -= len(part)
        if room < 0:
            break
        found.append(part)
    return found


def flat(text: str) -> str:
    """Return `text` without the characters that format, for the `text` of a message, which is always mrkdwn."""
    return _FORMATTING.sub("", text)


def mention(person: Mention) -> str:
    """Return the live mention of a user or user group whose id has the right form; otherwise the name, inert."""
    address = person.address or ""
    if USER.fullmatch(address):
        return f"<@{address}>"
    if _GROUP.fullmatch(address):
        return f"<!subteam^{address}>"
    return escape(flat(clean(person.name, 80)), 100)


def link(one: Link) -> str | None:
    """Return the link as mrkdwn; None when it is not one that a message may carry."""
    url = href(one.href)
    if url is None:
        return None
    url = url.replace("|", "%7C").replace(">", "%3E").replace("<", "%3C").replace("&", "&amp;")
    return f"<{url}|{escape(flat(clean(one.text, 75)), 100) or 'link'}>"


def summary(notice: Notice) -> str:
    """Return the message in one line of inert text, for notifications and for a Slack that refuses the blocks."""
    incident = notice.incident
    if incident is None:
        return escape(flat(clean(notice.text, SECTION_LIMIT)), SECTION_LIMIT) or "message"
    tail = f" ({incident.id}) is {incident.state.value}" if incident.id else f" is {incident.state.value}"
    head = f"{incident.badge}[{incident.severity.value}] "
    return head + escape(flat(clean(incident.title, TEXT_LIMIT)), TEXT_LIMIT - len(head) - len(tail)) + tail


def message(notice: Notice, *, clickable: bool = False) -> list[dict[str, Any]]:
    """Return the blocks of the message that is kept up to date, or of a message without an incident.

    `clickable`: with buttons; without a signing secret nobody would hear of a click.
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
        blocks.append(_mrkdwn(f"Informed: {_mentions(notice.mentions)}", "incident_informed"))
    links = _links(notice)
    if links:
        blocks.append(_mrkdwn(links, "incident_links"))
    if clickable:
        blocks.append(buttons(incident))
    blocks.append(
        {
            "type": "context",
            "block_id": "incident_context",
            "elements": [
                {"type": "mrkdwn", "verbatim": True, "text": f"{incident.label} · opened {date(incident.opened_at)}"}
            ],
        }
    )
    return blocks


def buttons(incident: Incident) -> dict[str, Any]:
    """Return the row of buttons: what a responder most often does, by the state (surfaces.md, Slash commands)."""
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
    """Return how far the escalation is: it comes back with each click, which is about what was shown."""
    return f"{incident.ring}-{incident.ladder.step}"


def reply(events: Sequence[Event], mentions: Sequence[Mention], badge: str = "") -> tuple[str, list[dict[str, Any]]]:
    """Return text and blocks of the one thread reply that says all of `events`, and calls those newly informed.

    `badge` stands before all of it: whoever is called reads the reply alone, without the message above.
    """
    lines = [f"• {clean(event.text, 400) or event.kind.value}" for event in events]
    if len(lines) > EVENTS_SHOWN:
        lines = [f"{len(lines) - EVENTS_SHOWN} earlier changes", *lines[-EVENTS_SHOWN:]]
    lines = [badge.strip(), *lines] if badge and lines else lines
    blocks = [_section("\n".join(lines), SECTION_LIMIT, "incident_news")] if lines else []
    if mentions:
        blocks.append(_mrkdwn(f"{badge}Informed: {_mentions(mentions)}", "incident_informed"))
    text = escape(flat("; ".join(clean(event.text, 400) for event in events)), TEXT_LIMIT - len(badge)) or "Informed"
    return f"{badge}{text}", blocks


def metadata(notice: Notice, said: int, mentioned: Sequence[str]) -> dict[str, Any]:
    """Return what marks a message as ours, so that one whose receipt was lost is found again.

    `said` is the sequence number of the last event that the message tells of, `mentioned` who has been called.
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
    """Return `moment` so that Slack shows it in each reader's own zone."""
    return f"<!date^{int(moment.timestamp())}^{{date_short_pretty}} {{time}}|{moment:%Y-%m-%d %H:%M} UTC>"


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": escape(text, limit), "emoji": False}


def _section(text: str, limit: int, block_id: str) -> dict[str, Any]:
    return {"type": "section", "block_id": block_id, "text": _plain(text, limit)}


def _mrkdwn(text: str, block_id: str) -> dict[str, Any]:
    # verbatim: nothing in it becomes a link or a mention but what is written as one.
    return {"type": "section", "block_id": block_id, "text": {"type": "mrkdwn", "verbatim": True, "text": text}}


def _facts(incident: Incident) -> list[dict[str, Any]]:
    facts = [
        f"Severity: {incident.severity.value}",
        f"State: {incident.state.value}",
        f"Service: {clean(incident.service or 'unknown', FIELD_LIMIT)}",
        f"Alerts: {incident.firing} firing, {incident.resolved} resolved",
    ]
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
    if decision.next_worse:
        lines.append(f"Worse: {clean(decision.next_worse, 200)}")
    if decision.rules_hash:
        lines.append(f"Rules: {clean(decision.rules_hash, 40)}")
    return "\n".join(lines)


def _firing(incident: Incident, alerts: Sequence[AlertLine]) -> str:
    shown = alerts[:ALERTS_SHOWN]
    more = max(incident.firing, len(alerts)) - len(shown)
    # How many more there are stands first: it must survive a cut.
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
        # A link is whole or not there.
        if item and len(text) + len(item) + 3 <= LINKS_LIMIT:
            text += f" · {item}" if text else item
    return text
