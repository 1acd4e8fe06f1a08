"""Commands for offering shifts to colleagues, and for the log of a schedule."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from receiver.cli.commands.oncall.oncall import Schedule, as_json, oncall
from receiver.cli.service_client import HERE, AsJson, Token, Url, ask, plain, table

COLUMNS = ("id", "schedule", "person", "from", "until", "accepted by")
Id = Annotated[str, typer.Argument(metavar="OFFER", help="Its id, from `offers`.")]


@oncall.command("offer")
def offer(
    days: Annotated[list[str], typer.Argument(metavar="DATE..", help="Days, such as 2026-12-24.")],
    schedule: Annotated[str, typer.Option("--schedule", help="A key of `schedules`; default: all of yours.")] = "",
    by: Annotated[
        str, typer.Option("--by", help="The person whose shifts are offered; required unless the token names a person.")
    ] = "",
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Offer your shifts on certain days to colleagues."""
    body: dict[str, Any] = {"dates": days}
    body |= ({"schedule": schedule} if schedule else {}) | ({"by": by} if by else {})
    made = ask(url, "/api/v1/oncall/offers", token, body)
    if not as_json(form, made):
        table(COLUMNS, [_row(one) for one in made["items"]])


@oncall.command("offers")
def offers(form: AsJson = "text", url: Url = HERE, token: Token = "") -> None:
    """List offered shifts."""
    page = ask(url, "/api/v1/oncall/offers", token)
    if not as_json(form, page):
        table(COLUMNS, [_row(one) for one in page["items"]])


@oncall.command("withdraw")
def withdraw(number: Id, form: AsJson = "text", url: Url = HERE, token: Token = "") -> None:
    """Withdraw an offer that no one has accepted."""
    gone = ask(url, f"/api/v1/oncall/offers/{quote(number, safe='')}", token, method="DELETE")
    if not as_json(form, gone):
        typer.echo(plain(f"{gone['id']}: {gone['person']} stays on call in {gone['schedule']}"))


@oncall.command("log")
def log(schedule: Schedule, form: AsJson = "text", url: Url = HERE, token: Token = "") -> None:
    """List offers, acceptances and overrides of a schedule, newest first."""
    page = ask(url, f"/api/v1/oncall/{quote(schedule, safe='')}/log", token)
    if not as_json(form, page):
        columns = ("at", "kind", "by", "text")
        table(columns, [[str(one[name]) for name in columns] for one in page["items"]])


def _row(one: dict[str, Any]) -> list[str]:
    return [*(str(one[name]) for name in COLUMNS[:-1]), one["accepted_by"] or ""]
