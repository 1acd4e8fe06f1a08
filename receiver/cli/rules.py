"""Commands about the severity rules at work."""

from __future__ import annotations

import json

import typer

from receiver.cli.client import HERE, AsJson, Token, Url, ask, plain

rules = typer.Typer(no_args_is_help=True, help="Look at how the severity rules do.")


@rules.callback()
def group() -> None:
    """Look at how the severity rules do."""


@rules.command("unknowns")
def unknowns(form: AsJson = "text", url: Url = HERE, token: Token = "") -> None:
    """List what severities were decided without, and which alert rule to mend."""
    found = ask(url, "/api/v1/rules/unknowns", token)
    if form == "json":
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for item in found["items"]:
        name = item["alertname"] or "(no alertname)"
        typer.echo(plain(f"{name}  {item['count']}x, last {item['last']}  {item['incident'] or '-'}"))
        typer.echo(plain(f"  {item['text']}"))
        typer.echo(plain(f"  to mend: {item['fix']}"))
        if item["generator_url"]:
            typer.echo(plain(f"  rule: {item['generator_url']}"))
    if not found["items"]:
        typer.echo("nothing: every severity was decided on what the rules ask for")
