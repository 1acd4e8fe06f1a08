"""Commands for subscribers of the status page, and for announcements."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from receiver.cli.commands.oncall.oncall import TIMES, as_json, until_when
from receiver.cli.service_client import HERE, AsJson, Token, Url, ask, plain, table, whole_id

subscribers = typer.Typer(
    no_args_is_help=True, help="Export or delete subscribers of the status page, or stop email to them."
)
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The email address.")]
_PATH = "/api/v1/status-subscribers"


@subscribers.callback()
def group() -> None:
    """Subscribers of the status page."""


@subscribers.command("export")
def export(form: AsJson = "text", url: Url = HERE, token: Token = "") -> None:
    """List all addresses and their subscriptions. The request is audited."""
    page = ask(url, _PATH, token)
    if as_json(form, page):
        return
    rows = [
        (one["email"], one["state"], ", ".join(one["components"]) or "all", one["language"], one["confirmed_at"])
        for one in page["items"]
    ]
    table(("email", "state", "components", "language", "confirmed"), rows)


@subscribers.command("delete")
def delete(address: Address, url: Url = HERE, token: Token = "") -> None:
    """Delete an address, for example at its owner's request."""
    ask(url, f"{_PATH}/{_id_of(address, url, token)}", token, method="DELETE")
    typer.echo("erased")


@subscribers.command("stop")
def stop(address: Address, url: Url = HERE, token: Token = "") -> None:
    """Stop email to an address until its owner confirms again, for example after a bounce."""
    ask(url, f"{_PATH}/{_id_of(address, url, token)}/stop", token, {})
    typer.echo("stopped")


def _id_of(address: str, url: str, token: str) -> str:
    # All addresses are read and compared here, because proxies log paths, and their logs must not have an address.
    wanted = address.strip().lower()
    for one in ask(url, _PATH, token)["items"]:
        if one["email"].lower() == wanted:
            return quote(one["id"], safe="")
    typer.echo("this address is not subscribed", err=True)
    raise typer.Exit(1)


def announce(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="The heading.")] = "",
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The public text.")] = "",
    until: Annotated[str, typer.Option("--until", metavar="TIME", help=f"End: a time, {TIMES}, or a duration.")] = "",
    remove: Annotated[str, typer.Option("--remove", metavar="ID", help="Remove this announcement instead.")] = "",
    form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Publish an announcement on the status page; without arguments, list announcements."""
    path = "/api/v1/announcements"
    if remove:
        gone = ask(url, f"{path}/{quote(whole_id(url, token, path, remove), safe='')}", token, method="DELETE")
        typer.echo(json.dumps(gone) if form == "json" else plain(f"{gone['title']} was removed"))
        return
    if not title:
        page = ask(url, path, token)
        if not as_json(form, page):
            rows = [(one["id"], one["title"], one["at"], one["until"] or "-") for one in page["items"]]
            table(("id", "title", "published", "until"), rows)
        return
    if not text:
        typer.echo("write a title and a text", err=True)
        raise typer.Exit(2)
    body: dict[str, Any] = {"title": title, "text": text}
    if until:
        body["until"] = until_when(until, None).isoformat()
    made = ask(url, path, token, body)
    typer.echo(json.dumps(made) if form == "json" else plain(f"{made['id']}: {made['title']} is published"))
