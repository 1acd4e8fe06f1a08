"""Commands for the status page: the same verbs as `/status`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from receiver.cli.commands.incident import By, Number, do
from receiver.cli.commands.subscribers import announce, subscribers
from receiver.cli.service_client import HERE, AsJson, Token, Url, ask, plain
from receiver.cli.terminal_view import on_terminal, rows_table, short_time

STATES = {
    "operational": "green", "degraded performance": "yellow", "partial outage": "red", "major outage": "bold red",
    "under maintenance": "cyan",
}  # fmt: skip
"""Styles of a component's state."""
public = typer.Typer(no_args_is_help=True, help="Show the status page, post updates, approve drafts.")


public.add_typer(subscribers, name="subscribers")
public.command("announce")(announce)


@public.callback()
def group() -> None:
    """The status page."""


@public.command("show")
def show(form: AsJson = "text", url: Url = HERE, token: Token = "") -> None:
    """Show the page as the public sees it."""
    page = ask(url, "/status/api/v2/summary.json", token)
    if form == "json":
        typer.echo(json.dumps(page, ensure_ascii=False))
        return
    typer.echo(plain(page["status"]["description"]))
    if on_terminal():
        _laid_out(page)
        return
    for one in page["components"]:
        typer.echo(plain(f"{one['name']}  {one['status'].replace('_', ' ')}"))
    for one in page["incidents"]:
        newest = one["incident_updates"][0]
        typer.echo(plain(f"{one['name']}  {one['status']}  {newest['display_at']}  {newest['body']}"))


def _laid_out(page: Mapping[str, Any]) -> None:
    rows = [(plain(one["name"]), one["status"].replace("_", " ")) for one in page["components"]]
    if rows:
        typer.echo()
        rows_table(("component", "state"), rows, STATES)
    told = [(one, one["incident_updates"][0]) for one in page["incidents"]]
    if told:
        typer.echo()
        rows_table(
            ("incident", "status", "at", "text"),
            [
                (plain(one["name"]), one["status"], short_time(newest["display_at"])[:11], plain(newest["body"]))
                for one, newest in told
            ],
        )


@public.command("update")
def update(
    number: Number,
    word: Annotated[str, typer.Argument(metavar="STATUS", help="investigating, identified, monitoring or resolved.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The public text.")],
    cause: Annotated[str, typer.Option("--cause", help="The cause, worded for the public.")] = "",
    expected: Annotated[str, typer.Option("--expected", metavar="TIME", help="Expected end (RFC 3339).")] = "",
    following: Annotated[str, typer.Option("--next", metavar="TIME", help="Time of the next update (RFC 3339).")] = "",
    publish: Annotated[
        bool | None,
        typer.Option(
            "--publish/--draft", help="Publish at once, or save as a draft; default: depends on the severity."
        ),
    ] = None,
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Post a status update, and move the incident to that state."""
    body = {
        "status": word, "text": text, "cause": cause, "expected_resolution": expected, "next_update": following,
        "publish": publish, "by": by,
    }  # fmt: skip
    do(url, token, number, "status-updates", body, form)


@public.command("approve")
def approve(
    number: Number,
    draft: Annotated[int, typer.Argument(metavar="[N]", help="Number of the draft; default: the newest.")] = 0,
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Approve and publish a draft."""
    if not draft:
        incident = ask(url, f"/api/v1/incidents/{quote(number, safe='')}", token)
        waiting = [one["n"] for one in incident["status_updates"] if one["state"] == "draft"]
        if not waiting:
            typer.echo(plain(f"{incident['id']} has no draft waiting for approval"), err=True)
            raise typer.Exit(1)
        draft = waiting[-1]
    do(url, token, number, f"status-updates/{draft}/approve", {"by": by}, form)
