"""The text of a page as an SMS, for all channels. Pure."""

from __future__ import annotations

import re

from receiver.channels.safe_text import clean
from receiver.model.delivery.notice import Notice

NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
"""E.164, the format in the configuration."""
TEXT_LIMIT = 300
"""Maximum length: two parts of an SMS."""
SERVICE_LIMIT = 40


def sms_text(notice: Notice, *, answered: bool = True) -> str:
    """Return the message: severity, id and service; with `answered` also how to respond."""
    incident = notice.incident
    if incident is None:
        return clean(notice.text, TEXT_LIMIT) or "Page"
    service = clean(incident.service or "", SERVICE_LIMIT)
    head = (
        f"{incident.badge}[{incident.severity.value}] {incident.id or 'new incident'}{f' {service}' if service else ''}"
    )
    number = incident.id.rpartition("-")[2].lstrip("0") or "0"
    how = f"{head}. Reply a {number} to acknowledge, e {number} to escalate."
    return how if incident.id and answered else head
