"""Reads an alert's annotations: its description, and other texts. Pure; the texts remain untrusted."""

from __future__ import annotations

from collections.abc import Mapping

_DESCRIBING = ("description", "message")
_KNOWN = ("summary", *_DESCRIBING)
_ADDRESSES = ("http://", "https://")


def description_of(annotations: Mapping[str, str]) -> str:
    """Return the description of an alert: `description`, else `message`, else the first other annotation with words."""
    for name in _DESCRIBING:
        if annotations.get(name, "").strip():
            return annotations[name].strip()
    others = (annotations[name].strip() for name in sorted(annotations) if name not in _KNOWN)
    return next((text for text in others if " " in text and not text.startswith(_ADDRESSES)), "")


def values_of(annotations: Mapping[str, str]) -> dict[str, str]:
    """Return the other annotations that are not links, usually figures."""
    told = description_of(annotations)
    return {
        name: text.strip()
        for name, text in sorted(annotations.items())
        if name not in _KNOWN and text.strip() and text.strip() != told and not text.strip().startswith(_ADDRESSES)
    }


def middle_cut(text: str, limit: int) -> str:
    """Return `text` with at most `limit` characters: an ellipsis replaces its middle."""
    if len(text) <= limit:
        return text
    room = max(limit - 1, 0)
    tail = room // 3
    return text[: room - tail] + ("…" if limit > 0 else "") + (text[-tail:] if tail else "")
