"""Commands about maintenance windows, asked of a running service."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from receiver.cli.commands.oncall import TIMES, as_json, moment, until_when
from receiver.cli.service_client import HERE, AsJson, Token, Url, ask, plain, table

maintenance = typer.Typer(no_args_is_help=True, help="Windows in which nobody is paged.")


@maintenance.command("list")
def windows(form: AsJson = "text", url: Url = HERE, token: Token = "") -> None:
    """List every window: those of the configuration, and those that were put up."""
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
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    match: Annotated[
        list[str], typer.Option("--match", metavar="M", help="A matcher, as service=db; all of them must hold.")
    ],
    until: Annotated[str, typer.Option("--until", metavar="TIME", help=f"Until when: {TIMES}; or a duration.")] = "",
    begins: Annotated[str, typer.Option("--from", metavar="TIME", help="From when on; left out: from now on.")] = "",
    weekly: Annotated[str, typer.Option("--weekly", metavar="WHEN", help="Every week, as 'Sunday 03:00'.")] = "",
    lasts: Annotated[str, typer.Option("--for", metavar="DURATION", help="How long a weekly one lasts, as 1h.")] = "",
    timezone: Annotated[str, typer.Option("--timezone", metavar="Z", help="Of a weekly one; left out: UTC.")] = "",
    component: Annotated[
        list[str], typer.Option("--component", metavar="C", help="A component of the status page; may be repeated.")
    ] = [],  # noqa: B006
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Put a window up: alerts that it holds page nobody, and are looked at again at its end."""
    if bool(until) == bool(weekly) or bool(weekly) != bool(lasts) or (weekly and begins):
        typer.echo("write either --until (and --from), or --weekly and --for", err=True)
        raise typer.Exit(2)
    body: dict[str, Any] = {"name": name, "matchers": match, "components": component}
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
        typer.echo(plain(f"{made['id']}: {made['name']} {'holds' if made['active'] else 'is put up'} {when}"))


@maintenance.command("remove")
def remove(
    number: Annotated[str, typer.Argument(metavar="ID", help="Its id, as `list` shows it.")],
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Take a window down: what it held calls people now."""
    gone = ask(url, f"/api/v1/maintenance/{quote(number, safe='')}", token, method="DELETE")
    if not as_json(form, gone):
        typer.echo(plain(f"{gone['name']} holds nothing any more"))


def _seconds(text: str) -> int:
    from receiver.model.setting_values import parse_duration

    try:
        return round(parse_duration(text).total_seconds())
    except ValueError as error:
        typer.echo(f"--for {plain(text)}: {error}", err=True)
        raise typer.Exit(2) from None
