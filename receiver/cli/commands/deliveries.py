"""Commands for dead letters, channel tests, and drills."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote

import typer

from receiver.cli.argument_values import severity
from receiver.cli.commands.incident import show
from receiver.cli.service_client import HERE, AsJson, Token, Url, ask, plain
from receiver.cli.terminal_view import on_terminal, rows_table, short_time

letters = typer.Typer(no_args_is_help=True, help="Show, retry or drop failed deliveries.")
channels = typer.Typer(no_args_is_help=True, help="Notification channels: status and test messages.")
PATH = "/api/v1/dead-letters"

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids from `list`.")]


@letters.command("list")
def list_letters(form: AsJson = "text", url: Url = HERE, token: Token = "") -> None:
    """List dead letters, newest first."""
    found = ask(url, PATH, token)
    if form == "json":
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    if found["items"] and on_terminal():
        rows_table(
            ("id", "at", "channel", "incident", "reason"),
            [
                [plain(cell) for cell in (one["id"], short_time(one["at"])[:11], one["channel"],
                                          one.get("incident") or "-", f"{one['reason']}: {one['detail']}")]
                for one in found["items"]
            ],
        )  # fmt: skip
        return
    for one in found["items"]:
        typer.echo(_line(one))
    if not found["items"]:
        typer.echo("none: every delivery succeeded or is still being retried")


@letters.command("show")
def show_letter(
    number: Annotated[str, typer.Argument(metavar="ID", help="Id from `list`.")], url: Url = HERE, token: Token = ""
) -> None:
    """Show a dead letter with its reason."""
    found = [one for one in ask(url, PATH, token)["items"] if number in (one["id"], one.get("row"))]
    if not found:
        typer.echo(f"there is no dead letter {number} (see `receiver dead-letters list`)", err=True)
        raise typer.Exit(1)
    for name, value in found[0].items():
        typer.echo(plain(f"{name}: {value}"))


@letters.command("replay")
def replay(
    numbers: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Ids from `list`.")] = None,
    channel: Annotated[str, typer.Option("--channel", help="All of this channel.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Retry dead letters: by id, all of a channel, or all; exit 1 if one cannot be retried."""
    if sum((bool(numbers), bool(channel), everything)) != 1:
        typer.echo("give ids, --channel NAME, or --all", err=True)
        raise typer.Exit(2)
    if numbers:
        _each(numbers, "tried again", lambda one: ask(url, f"{PATH}/{quote(one, safe='')}/replay", token, {}, "POST"))
        return
    done = ask(url, f"{PATH}/replay", token, {"channel": channel} if channel else {}, "POST")["items"]
    for one in done:
        typer.echo(f"tried again: {_line(one)}")
    if not done:
        typer.echo("nothing to retry")


@letters.command("drop")
def drop(numbers: Ids, url: Url = HERE, token: Token = "") -> None:
    """Drop dead letters without sending them; exit 1 if an id does not exist."""
    _each(numbers, "dropped", lambda one: ask(url, f"{PATH}/{quote(one, safe='')}", token, None, "DELETE"))


@channels.command("list")
def list_channels(form: AsJson = "text", url: Url = HERE, token: Token = "") -> None:
    """List the channels: their purpose, and whether they are on."""
    found = ask(url, "/api/v1/channels", token)
    if form == "json":
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    if on_terminal():
        rows = [[plain(cell) for cell in (one["name"], one["kind"] or "-", *_state(one))] for one in found["items"]]
        rows_table(("name", "kind", "state", "detail"), rows, {"on": "green", "off": "yellow", "paused": "bold red"})
        return
    for one in found["items"]:
        state = "on" if one["on"] else f"off: {one['why']}"
        typer.echo(plain(f"{one['name']}  {one['kind'] or '-'}  {state}{_rest(one)}"))


@channels.command("test")
def test_channel(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A key of `channels`.")],
    to: Annotated[str, typer.Option("--to", help="A key of `people`: required for a pager and for mail.")] = "",
    url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Send a message that is marked as a test; exit 1 if the vendor rejects it."""
    body = {"to": to.removeprefix("@")} if to else {}
    tried = ask(url, f"/api/v1/channels/{quote(name, safe='')}/test", token, body, "POST")
    ref = f"  {tried['ref']}" if tried["ref"] else ""
    typer.echo(plain(f"{tried['channel']}: {tried['outcome']}: {tried['detail']}{ref}"))
    if tried["outcome"] != "ok":
        raise typer.Exit(1)


def drill(
    level: Annotated[str, typer.Option("--severity", help="1 to 4, or SEV-1 to SEV-4.")] = "2",
    title: Annotated[str, typer.Option("--title", help="Title of the drill.")] = "Drill: nothing is wrong",
    service: Annotated[str, typer.Option("--service", help="The affected service.")] = "",
    form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Open an incident that is marked as a drill everywhere and excluded from all statistics."""
    body = {"title": title, "severity": severity(level), "service": service or None, "drill": True}
    sent = {name: value for name, value in body.items() if value is not None}
    show(ask(url, "/api/v1/incidents", token, sent), form)


def _each(numbers: list[str], said: str, act: Callable[[str], dict[str, Any]]) -> None:
    # If one fails, continue with the others; `ask` has printed the reason. If the service cannot be reached, stop.
    failed = []
    for number in dict.fromkeys(numbers):
        try:
            one = act(number)
        except typer.Exit as ended:
            if ended.exit_code != 1:
                raise
            failed.append(number)
        else:
            typer.echo(f"{said}: {_line(one)}")
    if failed:
        typer.echo(plain(f"not {said}: {', '.join(failed)}"), err=True)
        raise typer.Exit(1)


def _state(one: dict[str, Any]) -> tuple[str, str]:
    if not one["on"]:
        return "off", str(one["why"])
    rest = _rest(one).strip()
    return ("paused", rest.removeprefix("paused: ")) if one["resting"] else ("on", rest)


def _rest(one: dict[str, Any]) -> str:
    # An earlier release returns neither the end nor the reason.
    until, why, at = one.get("resting_until"), one.get("last_error"), one.get("last_error_at")
    if not one["resting"]:
        since = "; delivered since then" if at and (one.get("last_success") or "") > at else ""
        return f"  last error at {at}: {why}{since}" if why and at else ""
    held = "pages are still sent, messages wait" if "paging" in one["uses"] else "messages wait"
    return f"  paused: {held}{f' until {until}' if until else ''}{f'; the last error: {why}' if why else ''}"


def _line(one: dict[str, Any]) -> str:
    incident, action = one.get("incident") or "-", one.get("action") or "-"
    return plain(f"{one['id']}  {one['at']}  {one['channel']}  {incident}  {action}  {one['reason']}: {one['detail']}")
