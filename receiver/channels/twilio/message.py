"""Texts of SMS and calls, and the instructions for a call (TwiML). Pure."""

from __future__ import annotations

import hashlib
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from receiver.channels.safe_text import clean
from receiver.channels.sms_text import SERVICE_LIMIT, sms_text
from receiver.model.delivery.notice import Notice
from receiver.model.delivery.phone_answer import Verb

KEYS = {"4": Verb.ACKNOWLEDGE, "5": Verb.ESCALATE, "6": Verb.RESOLVE}
"""The verb of each telephone key; any other key repeats the text."""
SPOKEN_LIMIT = 500
"""Maximum number of characters that are read out for a page outside any incident."""
WAIT = 10
"""Seconds in which a key may be pressed after the text."""
ASK = "Press 4 to acknowledge, 5 to escalate, 6 to resolve, or star to hear this again."
UNANSWERABLE = "You cannot respond to this call with a key. Open the console."


def mark_of(notice: Notice) -> str:
    """Return the mark at the end of this page's SMS, by which a sent message is found."""
    key = notice.page.key if notice.page else notice.key
    return "#" + hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:8]


def body_of(notice: Notice) -> str:
    """Return the text of an SMS; without an address of this service, people cannot respond to it."""
    return f"{sms_text(notice, answered=notice.hooks is not None)} {mark_of(notice)}"


def spoken(notice: Notice) -> str:
    """Return the spoken text of a call before it asks for a key."""
    incident = notice.incident
    if incident is None:
        return clean(notice.text, SPOKEN_LIMIT) or "You are being paged."
    service = clean(incident.service or "", SERVICE_LIMIT)
    which = f"incident {incident.id}" if incident.id else "new incident"
    drill = "This is a DRILL. " if incident.drill else ""
    return f"{drill}{incident.severity.value} {which}.{f' Service {service}.' if service else ''}"


def answer_to(hooks: str, path: str, token: str) -> str:
    """Return the address to which Twilio posts about the page of `token`; `hooks` as in Notice."""
    return f"{hooks}/twilio/{path}?{urlencode({'t': token})}"


def call_script(text: str, action: str | None) -> str:
    """Return the TwiML of a call: `text` twice, with pressed keys sent to `action`; None: it cannot be answered.

    The text is inside Gather, so that a key counts before the text has ended.
    """
    if action is None:
        return _response(_say(text), '<Pause length="1"/>', _say(f"{text} {UNANSWERABLE}"))
    asked = f'{_say(f"{text} {ASK}")}<Pause length="3"/>{_say(f"{text} {ASK}")}'
    gather = f'<Gather numDigits="1" timeout="{WAIT}" method="POST" action={quoteattr(action)}>{asked}</Gather>'
    return _response(gather, _say("No key was pressed. Goodbye."))


def say(text: str) -> str:
    """Return the TwiML that speaks `text` and ends the call."""
    return _response(_say(text))


def sms_reply(text: str | None) -> str:
    """Return the TwiML that replies to an SMS with one SMS; None: with none."""
    return _response("" if text is None else f"<Message>{escape(clean(text, 300))}</Message>")


def _say(text: str) -> str:
    return f"<Say>{escape(clean(text, 1000))}</Say>"


def _response(*verbs: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{"".join(verbs)}</Response>'
