"""Signatures of vendors over the raw bytes of a request, compared in constant time. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

LONGEST = 4096
"""Characters of a header that are looked at."""
WINDOW = 300
"""Seconds that a request of Slack may be old (slack.md, Verification)."""


def by_pagerduty(header: str, body: bytes, secrets: Iterable[bytes]) -> bool:
    """Return whether any `v1=` of the header is the HMAC-SHA256 of `body` under any of `secrets` (pagerduty.md, 2)."""
    given = [part.strip()[3:] for part in header[:LONGEST].split(",") if part.strip().startswith("v1=")]
    good = False
    for secret in secrets:
        expected = hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
        for one in given:
            # All are compared, so that the time says nothing about which was near.
            good |= hmac.compare_digest(expected, one.encode("utf-8", "replace"))
    return good


def by_slack(timestamp: str, signature: str, body: bytes, secret: bytes, now: float) -> bool:
    """Return whether Slack has signed `body` within the last five minutes (slack.md, Verification)."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    if abs(now - int(timestamp)) > WINDOW:
        return False
    expected = "v0=" + hmac.new(secret, b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature[:LONGEST].encode("utf-8", "replace"))
