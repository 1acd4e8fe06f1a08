"""Signatures of vendors over the raw bytes of a request, compared in constant time. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

LONGEST = 4096
"""Maximum length of a header."""
WINDOW = 300
"""Maximum age of a Slack request in seconds (Slack API, request verification)."""


_HEX = r"[0-9a-f]{64}"
_PAGERDUTY = re.compile(rf"(?:^|,)\s*v1={_HEX}\s*(?:,|$)")
_SLACK = re.compile(rf"v0={_HEX}")
_TWILIO = re.compile(r"[A-Za-z0-9+/]{27}=")


def like_pagerduty(header: str) -> bool:
    """Return whether a header has the form of PagerDuty's signatures; only then is the body read."""
    return _PAGERDUTY.search(header[:LONGEST]) is not None


def like_slack(timestamp: str, signature: str, now: float) -> bool:
    """Return whether both headers have Slack's form, and `timestamp` is within the last five minutes."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return abs(now - int(timestamp)) <= WINDOW and _SLACK.fullmatch(signature) is not None


def by_pagerduty(header: str, body: bytes, secrets: Iterable[bytes]) -> bool:
    """Return whether any `v1=` of the header is the HMAC-SHA256 of `body` under any of `secrets`."""
    given = [part.strip()[3:] for part in header[:LONGEST].split(",") if part.strip().startswith("v1=")]
    good = False
    for secret in secrets:
        expected = hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
        for one in given:
            # All are compared, so that the time does not reveal which one was close.
            good |= hmac.compare_digest(expected, one.encode("utf-8", "replace"))
    return good


def by_slack(timestamp: str, signature: str, body: bytes, secret: bytes, now: float) -> bool:
    """Return whether Slack has signed `body` within the last five minutes (Slack API, request verification)."""
    if not like_slack(timestamp, signature, now):
        return False
    expected = "v0=" + hmac.new(secret, b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature[:LONGEST].encode("utf-8", "replace"))


def like_twilio(header: str) -> bool:
    """Return whether a header has the form of Twilio's signatures; only then is the body read."""
    return _TWILIO.fullmatch(header) is not None


def by_twilio(header: str, url: str, fields: Sequence[tuple[str, str]], token: bytes) -> bool:
    """Return whether the account of `token` has signed `fields`, posted to `url`.

    `url` is the address that the configuration gives to Twilio, with its query; `Host` cannot be trusted.
    """
    said = "".join(f"{name}{value}" for name, value in sorted(set(fields)))
    good = False
    for address in _with_and_without_port(url):
        expected = base64.b64encode(
            hmac.new(token, f"{address}{said}".encode("utf-8", "replace"), hashlib.sha1).digest()
        )
        good |= hmac.compare_digest(expected, header[:LONGEST].encode("utf-8", "replace"))
    return good


def _with_and_without_port(url: str) -> tuple[str, ...]:
    # Twilio signs either form of an address whose port is the usual one.
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    if parts.port is None and parts.hostname and usual:
        return url, url.replace(parts.netloc, f"{parts.netloc}:{usual}", 1)
    return (url, url.replace(f":{parts.port}", "", 1)) if parts.port == usual else (url,)
