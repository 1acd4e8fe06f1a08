"""Reads the fields of a form: texts, times in UTC, and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from receiver.model.wall_clock import check_when, parse_when

Fields = Mapping[str, str]
SENT_BEFORE = "this form was sent before, with other contents; nothing was done now"


def text_of(fields: Fields, name: str = "text") -> str | None:
    """Return a field; None if it is missing or empty. Line ends are those of this machine."""
    return fields.get(name, "").replace("\r\n", "\n").strip() or None


def moment_of(fields: Fields, name: str) -> datetime | None:
    """Return the time of a field in UTC; None if it is empty. Raises ValueError if it is not a time."""
    text = text_of(fields, name)
    return parse_when(check_when(text), ZoneInfo("UTC")) if text else None


def day_of(fields: Fields, name: str) -> date | None:
    """Return the day in a field; None if it is empty. Raises ValueError if it is not a day."""
    text = text_of(fields, name)
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name}: not a date such as 2026-12-01") from None


def number_of(fields: Fields, name: str = "n") -> int:
    """Return the number in a field. Raises ValueError if it is not a number."""
    text = fields.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise ValueError(f"{name}: not a number")
    return int(text)


def marked(fields: Fields, prefix: str) -> list[str]:
    """Return the values of the checked boxes whose names begin with `prefix`."""
    return [name.removeprefix(prefix) for name in fields if name.startswith(prefix)]
