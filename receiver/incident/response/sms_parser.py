"""Answers by SMS: `a 12` acknowledges INC-2026-0012, `a` or `ack` the last page, `e 12` escalates. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page

LAST = timedelta(minutes=30)
"""Maximum age of the page that an answer without an incident number refers to."""
FORM = re.compile(r"\s*(?:([0-9]{1,12})\s*(a|ack|c|e)|(a|ack|c|e)\s*([0-9]{1,12})?)\s*", re.IGNORECASE | re.ASCII)


class Wish(StrEnum):
    """The command of an answer."""

    ACKNOWLEDGE = "a"
    ESCALATE = "e"
    CLOSE = "c"


@dataclass(frozen=True)
class SmsAnswer:
    """A parsed answer."""

    wish: Wish
    number: int | None
    """The number of the incident; None: the last one that this phone number was paged for."""


def is_test_answer(text: str) -> bool:
    """Return whether `text` answers a test page. Its word differs from those for incidents to avoid mistakes."""
    return text.strip().casefold() == "ok"


def read_answer(text: str) -> SmsAnswer | None:
    """Return the answer in `text`; None if it is not one."""
    found = FORM.fullmatch(text)
    if found is None:
        return None
    number = found[1] or found[4]
    return SmsAnswer(Wish((found[2] or found[3])[0].lower()), int(number) if number else None)


def meant_by(
    answer: SmsAnswer, incidents: Iterable[Incident], channel: str, address: str, now: datetime
) -> tuple[Incident, Page] | None:
    """Return the incident of an answer, and its page to this phone number; None: the number was not paged for it."""
    found = [
        (incident, page)
        for incident in incidents
        for page in incident.pages
        if page.channel == channel and page.address == address and page.ring == incident.ring
        if answer.number is None or number_of(incident) == answer.number
    ]
    latest = max(found, key=lambda pair: pair[1].at, default=None)
    if latest is not None and answer.number is None and now - latest[1].at > LAST:
        return None
    return latest


def number_of(incident: Incident) -> int | None:
    """Return the number at the end of an incident's id; None if there is none."""
    digits = re.search(r"([0-9]+)[^0-9]*$", incident.id)
    return int(digits[1]) if digits else None
