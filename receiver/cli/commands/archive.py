"""Exports whole incidents to JSON Lines files, and imports them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from receiver.cli.service_client import HERE, Token, Url, ask, plain
from receiver.cli.terminal_view import progress

PART = 8 * 1024 * 1024
"""Bytes of one request."""
MOST = 200


def export(
    out: Annotated[Path, typer.Option("--out", metavar="F", help="Output file, one line per incident.")],
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="Incidents opened since TIME (RFC 3339).")] = "",
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="Incidents opened before TIME.")] = "",
    url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Write every resolved or closed incident in full to a file; needs a token with the scope admin."""
    query = {name: text for name, text in (("since", since), ("until", until)) if text}
    count = 0
    try:
        with out.open("w", encoding="utf-8") as file, progress("incidents written") as advance:
            while True:
                page = ask(url, f"/api/v1/archive{'?' + urlencode(query) if query else ''}", token)
                for one in page["items"]:
                    file.write(json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n")
                    count += 1
                advance(len(page["items"]))
                if page["next"] is None:
                    break
                query["cursor"] = page["next"]
    except OSError as error:
        typer.echo(f"{out}: cannot be written: {error.strerror}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"{count} incident{'' if count == 1 else 's'} written to {plain(str(out))}")


def restore(
    files: Annotated[list[Path], typer.Argument(metavar="F...", help="Files that `receiver export` wrote.")],
    url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Restore incidents from files, keeping their ids and times; existing incidents are not changed."""
    totals = {"restored": 0, "known": 0}
    bad = 0
    with progress("incidents read") as advance:
        for file in files:
            for lines, part in _parts(file):
                answer = ask(url, "/api/v1/archive", token, {"items": part})
                advance(len(part))
                for name in totals:
                    totals[name] += answer[name]
                for one in answer["refused"]:
                    bad += 1
                    typer.echo(plain(f"{file}:{lines[one['index']]}: {one['why']}"), err=True)
    typer.echo(f"{totals['restored']} imported, {totals['known']} already present, {bad} rejected")
    if bad:
        raise typer.Exit(1)


def _parts(file: Path) -> Iterator[tuple[list[int], list[dict[str, Any]]]]:
    lines: list[int] = []
    part: list[dict[str, Any]] = []
    size = 0
    try:
        with file.open("rb") as opened:
            for number, raw in enumerate(opened, 1):
                if not raw.strip():
                    continue
                if part and (size + len(raw) > PART or len(part) >= MOST):
                    yield lines, part
                    lines, part, size = [], [], 0
                part.append(_line(file, number, raw))
                lines.append(number)
                size += len(raw)
    except OSError as error:
        typer.echo(f"{file}: cannot be read: {error.strerror}", err=True)
        raise typer.Exit(2) from None
    if part:
        yield lines, part


def _line(file: Path, number: int, raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        typer.echo(f"{file}:{number}: not an incident (give a file that `receiver export` wrote)", err=True)
        raise typer.Exit(1)
    return value
