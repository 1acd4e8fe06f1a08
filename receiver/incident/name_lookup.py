"""Looks up names that people have typed. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from difflib import get_close_matches
from string import Formatter

from receiver.incident.log.command_errors import ImpossibleCommand

MOST = 20
"""Maximum number of names that are listed if none is similar."""


def number_pattern(form: str) -> re.Pattern[str]:
    """Return the pattern of ids of the form `INC-{year}-{number:04d}`, in either case."""
    text = ""
    for literal, name, _, _ in Formatter().parse(form):
        text += re.escape(literal) + (r"[0-9]{1,12}" if name else "")
    return re.compile(text, re.IGNORECASE)


def id_readings(text: str, form: str, now: datetime) -> tuple[str, ...]:
    """Return the ids that `text` may mean under the form `INC-{year}-{number:04d}`, the text itself first.

    `inc-2026-1` is INC-2026-0001, and `1` is the incident of that number in the year, or month, of `now`.
    """
    if re.fullmatch(r"[0-9]{1,12}", text):
        return text, form.format(year=now.year, month=now.month, number=int(text))
    pattern = "".join(
        re.escape(literal) + (f"(?P<{name}>[0-9]{{1,12}})" if name else "")
        for literal, name, _, _ in Formatter().parse(form)
    )
    try:
        parts = re.fullmatch(pattern, text, re.IGNORECASE | re.ASCII)
    except re.error:
        parts = None  # the form names a part twice
    return (text, form.format(**{name: int(value) for name, value in parts.groupdict().items()})) if parts else (text,)


def find_name(text: str, names: Collection[str], what: str) -> str:
    """Return the one of `names` in `text`, with or without @. Raises ImpossibleCommand with the nearest one."""
    name = text.strip().removeprefix("@")
    if name in names:
        return name
    near = get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]}?" if near else listed(names, what)
    raise ImpossibleCommand(f'no {what} is named "{name[:100]}" ({hint})')


def listed(names: Collection[str], what: str) -> str:
    """Return a hint that lists `names`, each a `what`, such as `people: ann, bob`."""
    several = "people" if what == "person" else f"{what}s"
    if not names:
        return f"there are no {several}"
    return f"{several}: {', '.join(sorted(names)[:MOST])}{', ...' if len(names) > MOST else ''}"
