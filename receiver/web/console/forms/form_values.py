"""What stands in the fields of a form: texts, times in UTC, and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from receiver.model.wall_clock import check_when, parse_when

Fields = Mapping[str, str]
SENT_BEFORE = "this form was sent before, with other contents; nothing was done now"


def text_of(fields: Fields, name: str = "text") -> str | None:
    """Return a field, None where it is missing or empty; line ends are those of this machine."""
    return fields.get(name, "").replace("\r\n", "\n").strip() or None


def moment_of(fields: Fields, name: str) -> datetime | None:
    """Return the time in UTC of a field, None where it is empty. Raises ValueError for what is no time."""
    text = text_of(fields, name)
    return parse_when(check_when(text), ZoneInfo("UTC")) if text else None


def day_of(fields: Fields, name: str) -> date | None:
    """Return the day of a field, None where it is empty. Raises ValueError for what is no day."""
    text = text_of(fields, name)
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name}: not a date such as 2026-12-01") from None


def number_of(fields: Fields, name: str = "n") -> int:
    """Return the number of a field. Raises ValueError for what is none."""
    text = fields.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise ValueError(f"{name}: not a number")
    return int(text)


def marked(fields: Fields, prefix: str) -> list[str]:
    """Return what the boxes whose names begin with `prefix` stand for: those that are ticked."""
    return [name.removeprefix(prefix) for name in fields if name.startswith(prefix)]
