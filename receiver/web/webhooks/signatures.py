"""Signatures of vendors over the raw bytes of a request, compared in constant time. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable

LONGEST = 4096
"""Characters of a header that are looked at."""
WINDOW = 300
"""Seconds that a request of Slack may be old (slack.md, Verification)."""


_HEX = r"[0-9a-f]{64}"
_PAGERDUTY = re.compile(rf"(?:^|,)\s*v1={_HEX}\s*(?:,|$)")
_SLACK = re.compile(rf"v0={_HEX}")


def like_pagerduty(header: str) -> bool:
    """Return whether a header has the form of PagerDuty's signatures: only then is the body worth reading."""
    return _PAGERDUTY.search(header[:LONGEST]) is not None


def like_slack(timestamp: str, signature: str, now: float) -> bool:
    """Return whether both headers have the form of Slack's, and `timestamp` is of the last five minutes."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return abs(now - int(timestamp)) <= WINDOW and _SLACK.fullmatch(signature) is not None


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
    if not like_slack(timestamp, signature, now):
        return False
    expected = "v0=" + hmac.new(secret, b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature[:LONGEST].encode("utf-8", "replace"))
