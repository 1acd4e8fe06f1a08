"""Slack markup: untrusted text is escaped, so that it neither formats, links nor mentions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from receiver.channels.safe_text import clean, href
from receiver.model.delivery.notice import Link, Mention

USER = re.compile(r"[UW][A-Z0-9]+")
_GROUP = re.compile(r"S[A-Z0-9]+")
TILDE = "\N{TILDE OPERATOR}"
"""Replaces a tilde, which would strike text through, so that matchers such as `env!~"staging"` keep their meaning."""
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Formatting characters; an underscore in the middle of a word does not format and is kept.
_FORMATTING = re.compile(r"[*`]|(?<![^\W_])_+|_+(?![^\W_])")


def escape(text: str, limit: int) -> str:
    """Return `text` escaped for Slack and cut: at most `limit` characters when escaped, and no entity broken."""
    parts = [_ENTITIES.get(character, character) for character in text[: limit + 1]]
    if len(text) <= limit and sum(map(len, parts)) <= limit:
        return "".join(parts)
    room = max(limit - 1, 0)
    tail = _fitting([_ENTITIES.get(character, character) for character in reversed(text[-limit:])], room // 3)
    head = _fitting(parts, room - sum(map(len, tail)))
    return "".join((*head, "…"[:limit], *reversed(tail)))


def _fitting(parts: Sequence[str], room: int) -> list[str]:
    found: list[str] = []
    for part in parts:
        room -= len(part)
        if room < 0:
            break
        found.append(part)
    return found


def flat(text: str) -> str:
    """Return `text` without the characters that format, for the `text` of a message, which is always mrkdwn."""
    return _FORMATTING.sub("", text).replace("~", TILDE)


def mention(person: Mention) -> str:
    """Return the mention of a user or user group with a valid id; otherwise the name as plain text."""
    address = person.address or ""
    if USER.fullmatch(address):
        return f"<@{address}>"
    if _GROUP.fullmatch(address):
        return f"<!subteam^{address}>"
    return escape(flat(clean(person.name, 80)), 100)


def link(one: Link) -> str | None:
    """Return the link as mrkdwn; None if a message may not contain it."""
    url = href(one.href)
    if url is None:
        return None
    url = url.replace("|", "%7C").replace(">", "%3E").replace("<", "%3C").replace("&", "&amp;")
    return f"<{url}|{escape(flat(clean(one.text, 75)), 100) or 'link'}>"
