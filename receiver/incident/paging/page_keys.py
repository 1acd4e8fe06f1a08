"""Deduplication keys of pages: the same page has the same key on every replica. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

KEY_LIMIT = 255
"""Maximum number of characters of a deduplication key at PagerDuty (Events API v2)."""
PAGERDUTY = "pagerduty"


def page_key(namespace: str, key: str, episode: int, person: str, number: int) -> str:
    """Return the vendor's deduplication key of the `number`th notification of one person.

    It needs no store, so that two replicas and the emergency path create the same key.
    """
    text = f"{namespace}/{key}/{episode}/{person}/{number}"
    return text if len(text) <= KEY_LIMIT else hashlib.sha256(text.encode()).hexdigest()


def rule_key(base: str, pagers: Iterable[tuple[str, str]], channel: str, step: int, number: int) -> str:
    """Return the key of a page of a personal rule; it differs for each channel, step and round.

    PagerDuty's keys keep their form, so that PagerDuty treats a later call as the same page.
    """
    if dict(pagers).get(channel) == PAGERDUTY:
        return base
    text = f"{base}/{channel}/{step + 1}/{number + 1}"
    return text if len(text) <= KEY_LIMIT else hashlib.sha256(text.encode()).hexdigest()
