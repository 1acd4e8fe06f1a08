"""Reports: the monthly review, and the figures compared with their targets."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

import typer

from receiver.cli.commands.postmortem import Form, Out, write
from receiver.cli.service_client import HERE, Token, Url

Team = Annotated[str, typer.Option("--team", help="Only the incidents of this team; - for the top level.")]
report = typer.Typer(no_args_is_help=True, help="Monthly reports.")


@report.command("monthly")
def monthly(
    month: Annotated[str, typer.Argument(metavar="[MONTH]", help="Such as 2026-11; default: this month.")] = "",
    team: Team = "", form: Form = "md", out: Out = None, url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Print a monthly review."""
    write(_path("monthly", month, team), form, out, url, token)


@report.command("metrics")
def metrics(
    month: Annotated[str, typer.Argument(metavar="[MONTH]", help="Such as 2026-11; default: this month.")] = "",
    team: Team = "", form: Form = "md", out: Out = None, url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Print a month's figures, compared with their targets."""
    write(_path("metrics", month, team), form, out, url, token)


def _path(what: str, month: str, team: str) -> str:
    query = {"month": month} if month else {}
    if team:
        query["team"] = "" if team == "-" else team
    return f"/api/v1/reports/{what}" + (f"?{urlencode(query)}" if query else "")
