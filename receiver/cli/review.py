"""Commands to look back: the timeline of an incident, its post-mortem, the e-mail to customers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from receiver.cli.client import HERE, Token, Url, fetch
from receiver.cli.responding import Number

KINDS = {"md": "text/markdown", "html": "text/html", "json": "application/json"}
Form = Annotated[str, typer.Option("--format", help="md, html or json.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="F", help="Where it is written; default: standard output.")]


def timeline(number: Number, form: Form = "md", out: Out = None, url: Url = HERE, token: Token = "") -> None:
    """Print an incident's timeline; times in UTC."""
    _write(number, "timeline", form, out, url, token)


def postmortem(number: Number, form: Form = "md", out: Out = None, url: Url = HERE, token: Token = "") -> None:
    """Print the draft of an incident's post-mortem."""
    _write(number, "postmortem", form, out, url, token)


def customer_email(number: Number, form: Form = "md", out: Out = None, url: Url = HERE, token: Token = "") -> None:
    """Print the e-mail to customers about an incident, as a draft."""
    _write(number, "customer-email", form, out, url, token)


def _write(number: str, what: str, form: str, out: Path | None, url: str, token: str) -> None:
    if form not in KINDS:
        typer.echo(f"{form}: no such format (write md, html or json)", err=True)
        raise typer.Exit(2)
    path = f"/api/v1/incidents/{quote(number, safe='')}/{what}"
    text = fetch(url, path, token, accept=KINDS[form]).decode("utf-8", "replace")
    # Foreign text must do nothing to a terminal; line ends are ours.
    shown = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    shown = shown if shown.endswith("\n") else f"{shown}\n"
    if out is None:
        sys.stdout.write(shown)
        return
    try:
        out.write_text(shown, "utf-8")
    except OSError as error:
        typer.echo(f"{out}: cannot be written: {error.strerror}", err=True)
        raise typer.Exit(2) from None
