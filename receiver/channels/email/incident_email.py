"""A mail about an incident: pure, threaded by ids that a retry produces again, with untrusted text inert.

Subjects begin with the incident's id and never change: Gmail threads by them. Ids consist of the incident's uid,
which no other installation has, the recipient, and the reported event, so that a mail that is sent twice is recognized
as the same mail.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Callable
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, parseaddr
from typing import Any

from receiver.channels.safe_text import clean, href, labels_text
from receiver.model.base import rfc3339
from receiver.model.delivery.notice import Notice
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident

SUBJECT_LIMIT = 150
NEWS = 20
ALERTS = 10
LINE = 76
"""Maximum bytes of a quoted-printable line, and of a line with an encoded word (RFC 2045, 6.7; RFC 2047, 2)."""
SUBJECT = "subject"
"""In the memory of a receipt: the first subject."""
ROOT = "root"
"""In the memory of a receipt: the id to which every later mail to this recipient refers."""


class _Policy(EmailPolicy):
    """Folds readable headers at 76; never ids, because some clients treat a folded id as a different one."""

    def fold(self, name: str, value: Any) -> str:
        """Return the lines of a header."""
        return self._lines(name, super().fold, value)

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return the lines of a header in bytes."""
        return self._lines(name, super().fold, value).encode("ascii", "surrogateescape")

    def _lines(self, name: str, fold: Callable[[str, Any], str], value: Any) -> str:
        folded = fold(name, value)
        # A subject that is folded at its beginning is read with a leading blank.
        if name.lower() not in IDS and folded.partition(self.linesep)[0].partition(":")[2].strip():
            return folded
        return str(_WIDE.fold(name, value))


IDS = ("message-id", "in-reply-to", "references", "list-unsubscribe")
"""Headers that are never folded: an address would become encoded words (RFC 2047), which no client follows."""
_WIDE = SMTP.clone(max_line_length=900, cte_type="7bit")
"""Below the 998 bytes that a line may have."""
POLICY = _Policy(max_line_length=LINE, cte_type="7bit", linesep="\r\n")


def subject_of(notice: Notice) -> str:
    """Return the subject of the first mail about an incident, or of a mail about the service itself."""
    incident = notice.incident
    if incident is None:
        return clean(notice.text, SUBJECT_LIMIT) or "message"
    tail = f" ({incident.severity.value})"
    room = SUBJECT_LIMIT - len(incident.badge) - len(incident.label) - 1 - len(tail)
    return f"{incident.badge}{incident.label} {clean(incident.title, room)}{tail}"


def compose(notice: Notice, sender: str) -> EmailMessage:
    """Return the mail for `notice`, from `sender`, to the notice's address."""
    first = notice.memory.get(SUBJECT)
    message = EmailMessage(policy=POLICY)
    message["From"] = sender
    message["To"] = notice.address
    message["Date"] = format_datetime(notice.now)
    message["Subject"] = f"Re: {first}" if first else subject_of(notice)
    domain = domain_of(sender)
    message["Message-ID"] = f"<{_left(notice)}@{domain}>"
    if notice.incident is not None and (first or notice.urgent):
        root = root_of(notice, sender)
        message["In-Reply-To"] = root
        message["References"] = root
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    lines = text_of(notice)
    message.set_content("\n".join(lines) + "\n", charset="utf-8", cte="quoted-printable")
    message.add_alternative(_html(notice), subtype="html", charset="utf-8", cte="quoted-printable")
    return message


def root_of(notice: Notice, sender: str) -> str:
    """Return the id of the first mail to the notice's address about its incident, to which every later one refers."""
    incident = notice.incident
    if incident is None:
        return ""
    if kept := notice.memory.get(ROOT):
        return str(kept)
    # An earlier release used the incident's number in ids; a thread that began with these continues with them.
    name = _safe(incident.label) if notice.memory.get(SUBJECT) else _own(notice)
    return f"<{name}.open@{domain_of(sender)}>"


def shortened(message: EmailMessage) -> EmailMessage:
    """Return the same mail as plain text only, for a server that rejected it because of its size or a policy."""
    plain = EmailMessage(policy=POLICY)
    for name, value in message.items():
        if not name.lower().startswith(("content-", "mime-")):
            plain[name] = value
    body = message.get_body(("plain",))
    text = body.get_content() if body is not None else ""
    plain.set_content(text[:4000], charset="utf-8", cte="quoted-printable")
    return plain


def domain_of(sender: str) -> str:
    """Return the domain of an address, for ids and for the greeting."""
    domain = parseaddr(sender)[1].rpartition("@")[2]
    return domain if re.fullmatch(r"[A-Za-z0-9.-]+", domain) else "localhost.localdomain"


def mailbox(text: str) -> str | None:
    """Return the bare address in `text`; None if mail cannot be sent to it."""
    address = parseaddr(text)[1]
    if not re.fullmatch(r"[^\s@<>\"(),:;\\\[\]]+@[A-Za-z0-9.-]+", address) or not address.isascii():
        return None
    try:
        Address(addr_spec=address)
    except (ValueError, IndexError, HeaderParseError):
        return None
    return address


def text_of(notice: Notice) -> list[str]:
    """Return the lines of the plain text."""
    incident = notice.incident
    if incident is None:
        return clean(notice.text, 8000, lines=True).splitlines() or ["message"]
    lines = [*(["THIS IS A DRILL"] if incident.drill else []), *_facts(incident)]
    news = [clean(event.text, 400) for event in notice.events][-NEWS:]
    if news:
        lines += ["", "What is new:", *(f"- {one}" for one in news if one)]
    if notice.alerts:
        lines += ["", "Firing:"]
        for one in notice.alerts[:ALERTS]:
            lines += [f"- {_alert(one.name, one.summary)}", *([f"  {clean(one.detail, 600)}"] if one.detail else [])]
    if shared := labels_text(incident.labels, 600):
        lines += ["", f"Labels: {shared}"]
    links = _links(notice)
    if links:
        lines += ["", *(f"{text}: {url}" for text, url in links)]
    return lines


def preview(message: EmailMessage) -> dict[str, Any]:
    """Return the mail for a dry run."""
    body = message.get_body(("plain",))
    return {
        "from": str(message["From"]), "to": str(message["To"]), "subject": str(message["Subject"]),
        "message_id": str(message["Message-ID"]), "text": body.get_content() if body is not None else "",
    }  # fmt: skip


def _facts(incident: Incident) -> list[str]:
    decision = incident.decision
    return [
        f"{incident.label}: {clean(incident.title, 300)}",
        f"Severity: {incident.severity.value}",
        f"State: {incident.state.value}",
        f"Service: {clean(incident.service or 'unknown', 150)}",
        *([f"Team: {clean(incident.team, 100)}"] if incident.team else []),
        f"Opened: {rfc3339(incident.opened_at)}",
        f"Alerts: {incident.firing} firing, {incident.resolved} resolved",
        f"Why: {clean(decision.rule, 150)}"
        + (f" ({'; '.join(clean(one, 200) for one in decision.reasons[:5])})" if decision.reasons else ""),
    ]


def _alert(name: str, summary: str) -> str:
    return f"{clean(name, 80)}: {clean(summary, 300)}" if summary else clean(name, 80)


def _links(notice: Notice) -> list[tuple[str, str]]:
    own = [("Incident", notice.url)] if notice.url else []
    found = [*own, *((clean(one.text, 75) or "link", one.href) for one in notice.links)]
    return [(text, url) for text, url in found if href(url)]


def _html(notice: Notice) -> str:
    # Nothing is loaded or executed: only text, and links that are configured or checked.
    lines = text_of(notice.model_copy(update={"url": None, "links": ()}))
    shown = "".join(f"<p>{html.escape(line)}</p>" if line else "<hr>" for line in lines)
    links = "".join(f'<li><a href="{html.escape(url)}">{html.escape(text)}</a></li>' for text, url in _links(notice))
    more = f"<ul>{links}</ul>" if links else ""
    return f'<!doctype html><html lang="en"><body>{shown}{more}</body></html>'


def _left(notice: Notice) -> str:
    if notice.incident is None:
        return f"notice.{hashlib.sha256(notice.key.encode('utf-8', 'replace')).hexdigest()[:24]}"
    name = _own(notice)
    # A mail that calls a person is separate even if no first one is known: a mail whose response was lost may have
    # arrived under that id, and a second one with the same id would be dropped as a duplicate.
    if not notice.memory.get(SUBJECT) and not notice.urgent:
        return f"{name}.open"
    last = notice.events[-1] if notice.events else None
    word = "resolved" if last is not None and last.kind is Kind.RESOLVED else "update"
    return f"{name}.{word}.{last.seq if last is not None else notice.incident.seq}"


def _own(notice: Notice) -> str:
    # A mailbox that collects the mail of several recipients keeps each copy.
    who = hashlib.sha256(notice.address.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{_safe(notice.incident.uid if notice.incident else '')}.{who}"


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-.") or "incident"
