"""Makes text from an alert, or text that a person typed, safe for use in this service's sentences."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

SHOWN = 40
"""Maximum characters of external text in a reason: five such texts fit in the 200 characters of a sentence."""


def quoted(text: str, limit: int = SHOWN) -> str:
    """Return `text` between double quotes, on one line, cut to `limit` characters.

    Unprintable characters (line breaks, direction marks, controls) become a middle dot, so that
    a label cannot forge a second line in a log or reverse a sentence on a screen.
    """
    kept = text if len(text) <= limit else text[: limit - 1] + "…"
    plain = kept if kept.isprintable() else "".join(character if character.isprintable() else "·" for character in kept)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the correction for `word`: a guess, and all known names.

    The result starts with a semicolon so that it can be appended to the error; it is empty if there are no names.
    """
    names = sorted(known)
    if not names:
        return ""
    guess = difflib.get_close_matches(word, names, n=1)
    listed = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return (f"; did you mean {guess[0]}?" if guess else ";") + f" known: {listed}"
