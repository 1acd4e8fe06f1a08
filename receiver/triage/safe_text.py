"""Text that came with an alert, or that somebody typed, made safe to stand inside a sentence of ours."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

SHOWN = 40
"""Characters of a foreign text that a reason shows: five of them stay within the 200 that a sentence may carry."""


def quoted(text: str, limit: int = SHOWN) -> str:
    """Return `text` between double quotes, on one line, cut to `limit` characters.

    What cannot be printed (line breaks, direction marks, controls) becomes a middle dot, so that
    a label cannot forge a second line in a log or turn a sentence around on a screen.
    """
    kept = text if len(text) <= limit else text[: limit - 1] + "…"
    plain = kept if kept.isprintable() else "".join(character if character.isprintable() else "·" for character in kept)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def nearest(word: str, known: Iterable[str]) -> str:
    """Return what would have been right instead of `word`: a guess, and all that is known.

    The result starts with a semicolon so that it can be appended to the mistake; it is empty when nothing is known.
    """
    names = sorted(known)
    if not names:
        return ""
    guess = difflib.get_close_matches(word, names, n=1)
    listed = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return (f"; did you mean {guess[0]}?" if guess else ";") + f" known: {listed}"
