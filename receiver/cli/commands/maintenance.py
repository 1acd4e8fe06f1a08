"""Commands for maintenance windows, through a running service."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from receiver.cli.commands.oncall.oncall import TIMES, as_json, moment, until_when
from receiver.cli.service_client import HERE, AsJson, Token, Url, ask, plain, table, whole_id

maintenance = typer.Typer(no_args_is_help=True, help="Maintenance windows, during which no one is paged.")
Weekly = Annotated[
    str, typer.Option("--weekly", metavar="WHEN", help="Start of a weekly window, such as 'Sunday 03:00'.")
]
Lasts = Annotated[str, typer.Option("--for", metavar="DURATION", help="Duration of a weekly window, such as 1h.")]
Zone = Annotated[str, typer.Option("--timezone", metavar="Z", help="Time zone of a weekly window; default: UTC.")]


@maintenance.command("list")
def windows(form: AsJson = "text", url: Url = HERE, token: Token = "") -> None:
    """List all windows: those in the configuration, and those added by command."""
    page = ask(url, "/api/v1/maintenance", token)
    if as_json(form, page):
        return
    rows = [
        (
            one["id"] or "(configured)", one["name"], f"now, until {one['ends_at']}" if one["active"] else
            f"from {one['next_at']}" if one["next_at"] else "over",
            one["weekly"] or f"{one['from']} to {one['until']}", ", ".join(one["matchers"]),
        )
        for one in page["items"]
    ]  # fmt: skip
    table(("id", "name", "holds", "when", "matchers"), rows)


@maintenance.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The purpose.")],
    match: Annotated[
        list[str], typer.Option("--match", metavar="M", help="A matcher, such as service=db; all must match.")
    ],
    until: Annotated[str, typer.Option("--until", metavar="TIME", help=f"End: a time, {TIMES}, or a duration.")] = "",
    begins: Annotated[str, typer.Option("--from", metavar="TIME", help="Start time; default: now.")] = "",
    weekly: Weekly = "",
    lasts: Lasts = "",
    timezone: Zone = "",
    component: Annotated[
        list[str], typer.Option("--component", metavar="C", help="A component of the status page; may be repeated.")
    ] = [],  # noqa: B006
    public_name: Annotated[
        str, typer.Option("--public-name", metavar="NAME", help="Its name on the status page.")
    ] = "",
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Add a window: matching alerts page no one until it ends."""
    if bool(until) == bool(weekly) or bool(weekly) != bool(lasts) or (weekly and begins):
        typer.echo("write either --until (and --from), or --weekly and --for", err=True)
        raise typer.Exit(2)
    body: dict[str, Any] = {"name": name, "matchers": match, "components": component}
    if public_name:
        body["public_name"] = public_name
    if begins:
        body["from"] = moment(begins).isoformat()
    if until:
        body["until"] = until_when(until, moment(begins) if begins else None).isoformat()
    else:
        body |= {"weekly": weekly, "for": _seconds(lasts)}
    if timezone:
        body["timezone"] = timezone
    made = ask(url, "/api/v1/maintenance", token, body)
    if not as_json(form, made):
        when = f"until {made['until']}" if made["until"] else f"every week, next at {made['next_at']}"
        typer.echo(plain(f"{made['id']}: {made['name']} {'active' if made['active'] else 'scheduled'} {when}"))


@maintenance.command("remove")
def remove(
    number: Annotated[str, typer.Argument(metavar="ID", help="Its id, from `list`, or the beginning of the id.")],
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Remove a window; the alerts that it suppressed then page people."""
    number = whole_id(url, token, "/api/v1/maintenance", number)
    gone = ask(url, f"/api/v1/maintenance/{quote(number, safe='')}", token, method="DELETE")
    if not as_json(form, gone):
        typer.echo(plain(f"{gone['name']} has ended"))


def _seconds(text: str) -> int:
    from receiver.model.setting_values import parse_duration

    try:
        return round(parse_duration(text).total_seconds())
    except ValueError as error:
        typer.echo(f"--for {plain(text)}: {error}", err=True)
        raise typer.Exit(2) from None
