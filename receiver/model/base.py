"""The base of every model: frozen, and strict about unknown fields."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

Json = str | int | float | bool | None | list[Any] | dict[str, Any]
"""Any value that JSON can represent."""


class Frozen(BaseModel):
    """A value: compared by content, never changed in place.

    Its validator is built on first use: a start needs thirty of 160 models, and building the others took 5 % of its
    time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Kept(Frozen):
    """A stored value, which two releases share during a rolling upgrade.

    Unknown fields of the other release are neither errors nor lost: they are read and written back.
    """

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)


def rfc3339(moment: datetime) -> str:
    """Return `moment` in UTC with milliseconds, as `2026-11-23T14:02:11.611Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_ms(moment: datetime) -> int:
    """Return milliseconds since the epoch, as the store represents time."""
    return round(moment.timestamp() * 1000)


def from_ms(ms: float) -> datetime:
    """Return the time `ms` milliseconds since the epoch, in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)
