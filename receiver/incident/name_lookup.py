"""A name that somebody has typed, and the one that is meant. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches
from string import Formatter

from receiver.incident.log.command_errors import ImpossibleCommand

MOST = 20
"""Names that are listed where none is near."""


def number_pattern(form: str) -> re.Pattern[str]:
    """Return what ids of the form `INC-{year}-{number:04d}` look like, in letters of either case."""
    text = ""
    for literal, name, _, _ in Formatter().parse(form):
        text += re.escape(literal) + (r"[0-9]{1,12}" if name else "")
    return re.compile(text, re.IGNORECASE)


def find_name(text: str, names: Collection[str], what: str) -> str:
    """Return the name among `names` that `text` is, with or without @. Raises Impossible with the nearest one."""
    name = text.strip().removeprefix("@")
    if name in names:
        return name
    near = get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]}?" if near else listed(names, what)
    raise ImpossibleCommand(f'no {what} is called "{name[:100]}" ({hint})')


def listed(names: Collection[str], what: str) -> str:
    """Return a hint that lists `names`, each a `what`, such as `people: ann, bob`."""
    several = "people" if what == "person" else f"{what}s"
    if not names:
        return f"there are no {several}"
    return f"{several}: {', '.join(sorted(names)[:MOST])}{', ...' if len(names) > MOST else ''}"
