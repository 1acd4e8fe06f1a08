"""ntfy: the message of a page, and its buttons. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

from receiver.channels.http_client import encode
from receiver.channels.safe_text import clean, cut, href
from receiver.model.delivery.notice import AlertLine, Notice
from receiver.model.delivery.phone_answer import Verb
from receiver.model.incident.incident import Incident
from receiver.model.severity import Severity

TITLE_LIMIT = 200
MESSAGE_LIMIT = 3000
"""Maximum bytes of a text: the server turns a text above 4,096 into a file, and a phone shows only its beginning."""
BODY_LIMIT = 8000
"""Maximum bytes of the request: the server rejects more than twice its limit for a message."""
ALERTS = 5
"""Maximum number of alerts in the message."""
PRIORITIES = {Severity.SEV1: 5, Severity.SEV2: 4, Severity.SEV3: 3, Severity.SEV4: 2}
LABELS = {Verb.ACKNOWLEDGE: "Acknowledge", Verb.ESCALATE: "Escalate"}
"""Labels of the buttons; ntfy accepts at most three, and the last one opens the incident."""


def sequence_id(key: str) -> str:
    """Return the id of a page for the server and every phone: letters and digits."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:32]


def message(notice: Notice, topic: str, *, short: bool, answer_to: dict[str, Any] | None) -> dict[str, Any]:
    """Return the message for a page: the same page gives the same message, under the same sequence id.

    `short`: only severity, id and service. `answer_to`: the address for the buttons' tokens; None: only a link.
    """
    incident, key = notice.incident, notice.page.key if notice.page else notice.key
    body: dict[str, Any] = {
        "topic": topic,
        "title": _title(incident, notice, short=short),
        "message": _text(notice, short=short),
        "priority": 5 if incident is None else PRIORITIES[incident.severity],
        "tags": ["rotating_light"],
        "sequence_id": sequence_id(key),
    }
    link = href(notice.url) if notice.url else None
    if link:
        body["click"] = link
    actions = [] if answer_to is None else _buttons(notice.answers, answer_to)
    if link:
        actions.append({"action": "view", "label": "Open", "url": link})
    if actions:
        body["actions"] = actions
    if len(encode(body)) > BODY_LIMIT:
        body["message"] = "The text was too long for ntfy; see the incident."
    return body


def _buttons(tokens: dict[str, str], answer_to: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"action": "http", "label": label, **answer_to, "body": f"{verb} {tokens[verb]}", "clear": True}
        for verb, label in LABELS.items()
        if verb in tokens
    ]


def _title(incident: Incident | None, notice: Notice, *, short: bool) -> str:
    if incident is None:
        return "Page" if short else clean(notice.text, TITLE_LIMIT) or "Page"
    head, tail = f"{incident.badge}[{incident.severity.value}] ", f" ({incident.id})" if incident.id else ""
    if short:
        return f"{head}{incident.id or 'new incident'}"
    note = notice.page.note if notice.page else ""
    title = clean(f"{note} - {incident.title}" if note else incident.title, TITLE_LIMIT) or "incident"
    return head + cut(title, TITLE_LIMIT - len(head) - len(tail)) + tail


def _text(notice: Notice, *, short: bool) -> str:
    incident = notice.incident
    if incident is None:
        return "Open the console." if short else _fitting(clean(notice.text, 1000, lines=True), MESSAGE_LIMIT) or "Page"
    service = clean(incident.service or "", 100)
    if short:
        return service or "incident"
    lines = [line for one in notice.alerts[:ALERTS] for line in _alert(one)]
    more = len(notice.alerts) - ALERTS
    lines += [f"and {more} more"] if more > 0 else []
    lines += [f"service {service}"] if service else []
    links = _links(notice)
    text = _fitting("\n".join(lines), MESSAGE_LIMIT - sum(_size(one) + 1 for one in links))
    return "\n".join([*([text] if text else []), *links]) or "An incident has been opened."


def _alert(line: AlertLine) -> list[str]:
    told = [f"{clean(line.name, 100)}: {clean(line.summary, 300)}"]
    return [*told, clean(line.detail, 300)] if line.detail else told


def _links(notice: Notice) -> list[str]:
    """Return a line for each of the first three links that leaves room for the text: a link is complete or left out."""
    kept, left = list[str](), MESSAGE_LIMIT // 2
    for link in notice.links[:3]:
        line = f"{clean(link.text, 50)}: {link.href}"
        if href(link.href) and _size(line) < left:
            kept.append(line)
            left -= _size(line) + 1
    return kept


def _size(text: str) -> int:
    # The server counts bytes.
    return len(text.encode("utf-8", "replace"))


def _fitting(text: str, limit: int) -> str:
    """Return `text` with at most `limit` bytes; an ellipsis replaces its middle."""
    shown, most = text, len(text)
    while (size := _size(shown)) > limit:
        most = most * limit // size
        shown = cut(text, most)
    return shown
