"""`receiver token`: tokens that nobody guesses."""

from __future__ import annotations

import typer

tokens = typer.Typer(no_args_is_help=True, help="Tokens for callers.")


@tokens.callback()
def group() -> None:
    """Tokens for callers."""


@tokens.command("new")
def new() -> None:
    """Print a token of 32 random bytes; write it where auth.tokens reads it."""
    import secrets

    typer.echo(secrets.token_urlsafe(32))
