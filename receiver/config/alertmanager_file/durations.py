"""Durations as Prometheus writes them: `1h30m`, units in falling order, no fractions, and a bare `0`."""

from __future__ import annotations

import re
from datetime import timedelta

_FORM = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII)
_MILLISECONDS = (31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1000, 1)
LONGEST = (2**63 - 1) // 1_000_000
"""Milliseconds: what their 64 bits of nanoseconds hold (model.ParseDuration of prometheus/common)."""


def parse_upstream_duration(text: str) -> timedelta:
    """Return the duration that `text` writes. Raises ValueError, with what is wrong, for what they refuse."""
    if not text:
        raise ValueError("an empty duration")
    if text == "0":
        return timedelta(0)
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError("not a Prometheus duration: whole numbers with units, the largest first")
    counts = [min(int(count or 0), LONGEST) for count in found.groups()]
    milliseconds = sum(count * size for count, size in zip(counts, _MILLISECONDS, strict=True))
    if milliseconds > LONGEST:
        raise ValueError("a duration of more than 292 years")
    return timedelta(milliseconds=milliseconds)


def duration_text(duration: timedelta) -> str:
    """Return `duration` as they write it, such as `4h10m`."""
    seconds = round(duration.total_seconds())
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"
