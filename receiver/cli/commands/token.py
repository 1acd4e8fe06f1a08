"""`receiver token` and `receiver session`: new tokens, and the sessions of the console."""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import quote

import typer

from receiver.cli.service_client import HERE, AsJson, Token, Url, ask, plain

tokens = typer.Typer(no_args_is_help=True, help="Tokens for callers.")
sessions = typer.Typer(no_args_is_help=True, help="List or end console sessions.")
PATH = "/api/v1/sessions"


@tokens.callback()
def group() -> None:
    """Tokens for callers."""


@tokens.command("new")
def new(
    expires: Annotated[str, typer.Option("--expires", metavar="DURATION", help="Lifetime, such as 90d.")] = "",
) -> None:
    """Print a token of 32 random bytes for auth.tokens.

    With --expires, standard error shows the `expires` to write next to it.
    """
    import secrets

    from receiver.clock import Clock
    from receiver.model.setting_values import parse_duration

    try:
        lasts = parse_duration(expires) if expires else None
        if lasts is not None and not lasts:
            raise ValueError("must be more than zero (write a duration such as 90d)")
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--expires") from None
    typer.echo(secrets.token_urlsafe(32))
    if lasts is not None:
        typer.echo(f"expires: {Clock().now() + lasts:%Y-%m-%dT%H:%M:%SZ}", err=True)


@sessions.command("list")
def list_sessions(form: AsJson = "text", url: Url = HERE, token: Token = "") -> None:
    """List who is signed in, most recently used session first."""
    found = ask(url, PATH, token)
    if form == "json":
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found["items"]:
        typer.echo(plain(f"{one['id']}  {one['kind']}  {one['name']}  last used {one['seen_at'][:16]}  {one['peer']}"))
    if not found["items"]:
        typer.echo("no one is signed in")


@sessions.command("end")
def end(
    name: Annotated[str, typer.Argument(metavar="ID|NAME", help="An id from `list`, its beginning, or a name.")],
    url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """End a session, or every session of a person or a token; exit 1 if there is none."""
    every = ask(url, PATH, token)["items"]
    found = [one for one in every if name in (one["name"], one["account"], one["person"])]
    found = found or [one for one in every if one["id"].startswith(name)]
    if not found or (len({one["id"] for one in found}) > 1 and found[0]["id"].startswith(name)):
        typer.echo(f"{'no' if not found else 'more than one'} session is named {plain(name)}", err=True)
        raise typer.Exit(1)
    for one in found:
        ask(url, f"{PATH}/{quote(one['id'], safe='')}", token, None, "DELETE")
        typer.echo(plain(f"ended: {one['id']}  {one['name']}"))
