"""What every model shares: it is frozen, and it says so when a field is unknown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

Json = str | int | float | bool | None | list[Any] | dict[str, Any]
"""Anything that JSON can carry."""


class Frozen(BaseModel):
    """A value: compared by content, never changed in place.

    Its validator is built when it is first used: of 160 models a start needs thirty, and the others took a twentieth
    of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Kept(Frozen):
    """A stored value, which two releases share during a rolling upgrade.

    What the other has written into it beside is neither a mistake nor lost: it is read, and written back.
    """

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)


def fitted(text: bytes) -> bytes:
    """Return the same bytes in as much memory as they need, for what is kept.

    orjson returns its whole buffer: 4 KiB for 200 bytes, 32 KiB for 3,000.
    """
    return bytes(memoryview(text))


def rfc3339(moment: datetime) -> str:
    """Return `moment` in UTC with milliseconds, as `2026-11-23T14:02:11.611Z` (surfaces.md, Shapes in JSON)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_ms(moment: datetime) -> int:
    """Return milliseconds since the epoch: how the store scores time."""
    return round(moment.timestamp() * 1000)


def from_ms(ms: float) -> datetime:
    """Return the moment of `ms` milliseconds since the epoch, in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)
