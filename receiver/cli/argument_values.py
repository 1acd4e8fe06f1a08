"""Values of command line arguments: severities and durations."""

from __future__ import annotations

import re

import typer

_SPAN = re.compile(r"(\d+)(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SEVERITY = re.compile(r"(?:SEV-?)?([1-4])", re.IGNORECASE)


def severity(text: str) -> str:
    """Return `SEV-2` for 2, sev2 or SEV-2; for anything else, end the command with exit code 2."""
    match = _SEVERITY.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text}: not a severity (write 1 to 4, or SEV-1 to SEV-4)")
    return f"SEV-{match[1]}"


def seconds(text: str) -> int:
    """Return the seconds of `90s`, `30m`, `2h`, `1d`; for anything else, end the command with exit code 2."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text}: not a duration (write 30m, 2h or 1d)")
    return int(match[1]) * _SECONDS[match[2]]
