"""Sanitizes untrusted text from labels, annotations, people's input or a vendor's response."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlsplit

from receiver.model.alert.annotations import middle_cut

HIDDEN = "***"
HREF_LIMIT = 3000
"""Maximum number of characters of a URL in Slack (Slack API); PagerDuty documents no limit."""

# Escape sequences that a terminal would act on: CSI (colors, cursor) and OSC (titles, links).
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")
_BREAK = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
# Zero-width characters, direction marks and overrides, invisible operators, fillers, variation tags: they let
# text look like something else, or hide in it.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_SURROGATE = re.compile("[\ud800-\udfff\ufffe\uffff]")


def cut(text: str, limit: int) -> str:
    """Return `text` with at most `limit` characters; an ellipsis replaces its middle."""
    return middle_cut(text, limit)


def labels_text(labels: Mapping[str, str], limit: int) -> str:
    """Return `labels` as one line, at most `limit` characters: `namespace=shop, pod=api-1`."""
    shown = (f"{clean(name, 80)}={clean(value, 200)}" for name, value in sorted(labels.items()) if name != "alertname")
    return clean(", ".join(shown), limit)


def clean(text: str, limit: int = 4096, *, lines: bool = False) -> str:
    """Return `text` in a form that is safe to show: at most `limit` characters, without invisible or active parts.

    Terminal sequences, control characters, zero-width characters and direction overrides are removed; lone surrogates,
    which UTF-8 cannot encode, become U+FFFD. A line break becomes a blank unless `lines` is true.
    """
    # Cut coarsely first: a value of megabytes must not cost five passes.
    room = limit * 4 + 256
    if text.isascii() and text.isprintable() and len(text) <= 2 * room:
        # Usually it contains none of the characters below; a page has some forty texts, and five passes each took a
        # tenth of the CPU of an opening with its page.
        return cut(text.strip(), limit)
    text = text if len(text) <= 2 * room else text[:room] + " … " + text[-room:]
    text = _BREAK.sub("\n", _ANSI.sub("", text))
    text = _CONTROL.sub(" ", text)
    text = _SURROGATE.sub("\ufffd", _INVISIBLE.sub("", text))
    if not lines:
        text = text.replace("\n", " ")
    return cut(text.strip(), limit)


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with every one of `secrets` in it, plain or percent-encoded, replaced by `***`.

    A value with fewer than six characters is not a secret, and hiding it would only garble the text.
    """
    for secret in sorted((secret for secret in secrets if len(secret) >= 6), key=len, reverse=True):
        text = text.replace(secret, HIDDEN).replace(quote(secret, safe=""), HIDDEN)
    return text


def href(url: str) -> str | None:
    """Return `url` if a message may link to it: http or https, a host, no spaces, not above 3,000 characters."""
    if len(url) > HREF_LIMIT or clean(url, HREF_LIMIT) != url or " " in url:
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (a port that is no number shows only when it is read)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None
