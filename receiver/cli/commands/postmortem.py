"""Commands for reviews: the timeline of an incident, its post-mortem, the email to customers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from receiver.cli.commands.incident import By, Number, Text, do, show
from receiver.cli.incident_view import incidents
from receiver.cli.service_client import HERE, AsJson, Token, Url, ask, fetch, plain
from receiver.cli.terminal_view import markdown, on_terminal

KINDS = {"md": "text/markdown", "html": "text/html", "json": "application/json"}
Form = Annotated[str, typer.Option("--format", help="md, html or json.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="F", help="Output file; default: standard output.")]


def timeline(number: Number, form: Form = "md", out: Out = None, url: Url = HERE, token: Token = "") -> None:
    """Print an incident's timeline, with times in UTC."""
    _write(number, "timeline", form, out, url, token)


def postmortem(
    number: Number,
    form: Form = "md",
    out: Out = None,
    edit: Annotated[Path | None, typer.Option("--edit", metavar="F", help="Replace it with this Markdown.")] = None,
    final: Annotated[bool, typer.Option("--final", help="Mark it as final.")] = False,
    draft: Annotated[bool, typer.Option("--draft", help="Mark it as a draft again.")] = False,
    version: Annotated[int | None, typer.Option("--version", min=0, help="An older version; 0: the draft.")] = None,
    by: By = "", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Print an incident's post-mortem, or update it with --edit, --final or --draft."""
    if edit is None and not final and not draft:
        _write(number, "postmortem" if version is None else f"postmortem?version={version}", form, out, url, token)
        return
    if final and draft:
        raise typer.BadParameter("write --final or --draft, not both")
    body: dict[str, Any] = {"by": by} if by else {}
    if edit is not None:
        try:
            body["markdown"] = edit.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            typer.echo(f"{edit}: cannot be read: {error}", err=True)
            raise typer.Exit(2) from None
    if final or draft:
        body["status"] = "final" if final else "draft"
    incident = ask(url, f"/api/v1/incidents/{quote(number, safe='')}/postmortem", token, body, "PUT")
    written = incident["postmortem"]
    typer.echo(plain(f"{incident['id']}  post-mortem version {written['version']} ({written['status']})"))


@incidents.command("correct")
def correct(
    number: Number,
    entry: Annotated[int, typer.Argument(metavar="ENTRY", help="Its `seq` in `receiver timeline --format json`.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The corrected text.")] = "",
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="The correct time (RFC 3339).")] = "",
    hide: Annotated[bool | None, typer.Option("--hide/--show", help="Hide it, or show it again.")] = None,
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Correct an entry in the timeline; the original stays in the log."""
    if not text and not at and hide is None:
        raise typer.BadParameter("write what the entry should say, --at TIME, --hide or --show")
    do(url, token, number, f"timeline/{entry}", {"text": text, "at": at, "hidden": hide, "by": by}, form, "PATCH")


@incidents.command("clock")
def clock(
    number: Number,
    name: Annotated[str, typer.Argument(metavar="[CLOCK]", help="impact_began, alert_fired, acknowledged ...")] = "",
    at: Annotated[str, typer.Argument(metavar="[TIME]", help="The correct time; - to undo a correction.")] = "",
    text: Text = "", by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Show an incident's timestamps, or correct one."""
    where = f"/api/v1/incidents/{quote(number, safe='')}/clocks"
    if bool(name) is not bool(at):
        raise typer.BadParameter("give both a clock and a time, or neither")
    if name:
        sent = {key: value for key, value in (("text", text), ("by", by)) if value}
        show(ask(url, where, token, {"clock": name, "at": None if at == "-" else at, **sent}), form)
        return
    found = ask(url, where, token)
    if form == "json":
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found["clocks"]:
        more = f"  (by {one['by']}; the log has {one['was'] or '-'})" if one["by"] else ""
        typer.echo(plain(f"{one['clock']:13} {one['at'] or '-'}{more}"))
    for part, seconds in found["seconds"].items():
        typer.echo(f"{part:13} {'-' if seconds is None else f'{seconds:g} s'}")


def customer_email(number: Number, form: Form = "md", out: Out = None, url: Url = HERE, token: Token = "") -> None:
    """Print a draft of the email to customers about an incident."""
    _write(number, "customer-email", form, out, url, token)


def _write(number: str, what: str, form: str, out: Path | None, url: str, token: str) -> None:
    write(f"/api/v1/incidents/{quote(number, safe='')}/{what}", form, out, url, token)


def write(path: str, form: str, out: Path | None, url: str, token: str) -> None:
    """Print the response of `path` in the requested format, or write it to a file. Exit code 2 if that fails."""
    if form not in KINDS:
        typer.echo(f"{form}: no such format (write md, html or json)", err=True)
        raise typer.Exit(2)
    text = fetch(url, path, token, accept=KINDS[form]).decode("utf-8", "replace")
    # Untrusted text must not control the terminal; line ends are ours.
    shown = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    shown = shown if shown.endswith("\n") else f"{shown}\n"
    if out is None and form == "md" and on_terminal():
        markdown(shown)
        return
    if out is None:
        sys.stdout.write(shown)
        return
    try:
        out.write_text(shown, "utf-8")
    except OSError as error:
        typer.echo(f"{out}: cannot be written: {error.strerror}", err=True)
        raise typer.Exit(2) from None
