"""Reports: the monthly review, and the figures against their targets."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from receiver.cli.commands.postmortem import Form, Out, write
from receiver.cli.service_client import HERE, Token, Url

report = typer.Typer(no_args_is_help=True, help="Look back over months.")


@report.command("monthly")
def monthly(
    month: Annotated[str, typer.Argument(metavar="[MONTH]", help="As 2026-11; left out: this one.")] = "",
    form: Form = "md", out: Out = None, url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Print the review of a month."""
    write(_path("monthly", month), form, out, url, token)


@report.command("metrics")
def metrics(
    month: Annotated[str, typer.Argument(metavar="[MONTH]", help="As 2026-11; left out: this one.")] = "",
    form: Form = "md", out: Out = None, url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Print the figures of a month against their targets."""
    write(_path("metrics", month), form, out, url, token)


def _path(what: str, month: str) -> str:
    return f"/api/v1/reports/{what}" + (f"?month={quote(month, safe='')}" if month else "")
