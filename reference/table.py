"""Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; a bar in a cell does not end it."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return lines


def sentence(text: str | None) -> str:
    """Return `text` on one line."""
    return " ".join((text or "").split())


def full(text: str | None) -> str:
    """Return `text` on one line, with a punctuation mark at the end."""
    said = sentence(text)
    return said if not said or said.endswith((".", "?", "!")) else f"{said}."
