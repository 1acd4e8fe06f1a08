"""Output for a terminal: at most 80 columns, severities in color, rendered Markdown, progress of long work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

WIDEST = 80
"""Maximum width in columns: the default width of a terminal."""
COLORS = {"SEV-1": "bold white on red", "SEV-2": "bold red", "SEV-3": "yellow", "SEV-4": "cyan"}
STATES = {"open": "bold red", "acknowledged": "yellow", "resolved": "green", "closed": "dim"}


def on_terminal() -> bool:
    """Return whether standard output is a terminal; otherwise a program reads the output."""
    return sys.stdout.isatty()


def console(*, error: bool = False) -> Console:
    """Return the terminal, no wider than `WIDEST` columns."""
    from rich.console import Console

    made = Console(stderr=error, highlight=False)
    made.width = min(made.width, WIDEST)
    return made


def colored(word: str, colors: Mapping[str, str]) -> Text:
    """Return a word in its color; a word without a color stays plain."""
    from rich.text import Text

    return Text(word, style=colors.get(word, ""))


def short_time(text: str) -> str:
    """Return `2026-11-29T04:22:36.123Z` as `11-29 04:22:36`."""
    return f"{text[5:10]} {text[11:19]}" if len(text) >= 19 else text


def incident_table(items: Sequence[Mapping[str, Any]], titles: Sequence[str]) -> None:
    """Print incidents, one per line."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, expand=True, header_style="bold")
    for name in ("id", "severity", "state", "opened"):
        made.add_column(name, no_wrap=True)
    made.add_column("service", no_wrap=True, max_width=14, overflow="ellipsis")
    made.add_column("title", no_wrap=True, overflow="ellipsis", ratio=1)
    for one, title in zip(items, titles, strict=True):
        made.add_row(
            Text(one["id"]), colored(one["severity"], COLORS), colored(one["state"], STATES),
            Text(short_time(one["opened_at"])[:11]), Text(one["service"] or ""), Text(title),
        )  # fmt: skip
    console().print(made)


def rows_table(head: Sequence[str], rows: Sequence[Sequence[str]], colors: Mapping[str, str] | None = None) -> None:
    """Print rows below their names, one on a line where it fits; the last column takes the remaining width.

    `colors`: styles of words that stand alone in a cell.
    """
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in head[:-1]:
        made.add_column(name, no_wrap=True, max_width=24, overflow="ellipsis")
    made.add_column(head[-1], overflow="fold")
    for row in rows:
        made.add_row(*(colored(cell, colors or {}) for cell in row))
    console().print(made)


def facts(head: tuple[str, str, str, str], rows: Sequence[tuple[str, str]], events: Sequence[tuple[str, str]]) -> None:
    """Print an incident: id, severity, state and title, then facts by name, then its timeline."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    number, severity, state, title = head
    line = Text.assemble((number, "bold"), "  ", colored(severity, COLORS), "  ", colored(state, STATES))
    out.print(line)
    out.print(Text(title, style="bold"))
    for pairs in (rows, events):
        if not pairs:
            continue
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, text in pairs:
            grid.add_row(Text(name), Text(text))
        out.print()
        out.print(grid)


def markdown(text: str) -> None:
    """Print rendered Markdown. Links are shown and never followed."""
    from rich.markdown import Markdown

    console().print(Markdown(text, hyperlinks=False))


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show the progress of long work, only on a terminal; yields a function to call with each increment."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(error=True), transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda done: shown.advance(task, done)
