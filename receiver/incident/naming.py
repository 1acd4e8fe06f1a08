"""A name that somebody has typed, and the one that is meant. Pure."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from receiver.incident.illegal import Impossible


def known(text: str, names: Collection[str], what: str) -> str:
    """Return the name among `names` that `text` is, with or without @. Raises Impossible with the nearest one."""
    name = text.strip().removeprefix("@")
    if name in names:
        return name
    near = get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(names)[:20])}"
    raise Impossible(f"no {what} is called {name[:100]} ({hint})")
