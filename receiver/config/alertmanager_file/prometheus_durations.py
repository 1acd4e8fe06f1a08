"""Durations in Prometheus' format: `1h30m`, with units in descending order and no fractions, or a bare `0`."""

from __future__ import annotations

import re
from datetime import timedelta

_FORM = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII)
_MILLISECONDS = (31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1000, 1)
LONGEST = (2**63 - 1) // 1_000_000
"""The maximum in milliseconds: nanoseconds in 64 bits (model.ParseDuration of prometheus/common)."""


def parse_upstream_duration(text: str) -> timedelta:
    """Return the duration in `text`. Raises ValueError with a message if Prometheus would reject it."""
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
    """Return `duration` in this format, such as `4h10m`."""
    seconds = round(duration.total_seconds())
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"
