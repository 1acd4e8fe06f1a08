"""Commands about schedules, asked of a running service."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import typer

from receiver.cli.service_client import HERE, AsJson, Token, Url, ask, fetch, plain, table

oncall = typer.Typer(no_args_is_help=True, help="Who is on call, who follows, and who takes over.")
Schedule = Annotated[str, typer.Argument(metavar="SCHEDULE", help="A key of `schedules`.")]
TIMES = "a time with its offset, as 2026-12-24T09:00:00Z; without one it is in UTC"


@oncall.command("show")
def show(
    at: Annotated[str, typer.Option("--at", metavar="TIME", help=f"As of then: {TIMES}.")] = "",
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Show who is on call in each schedule."""
    query = f"?{urlencode({'at': moment(at).isoformat()})}" if at else ""
    told = ask(url, f"/api/v1/oncall{query}", token)
    if as_json(form, told):
        return
    columns = ("schedule", "person", "since", "until", "next", "because")
    table(columns, [(name, *_shift(shift)) for name, shift in told["schedules"].items()])


@oncall.command("next")
def following(
    schedule: Annotated[str, typer.Argument(metavar="[SCHEDULE]", help="A key of `schedules`; left out: all.")] = "",
    days: Annotated[int, typer.Option("--days", min=1, max=400, help="How far to look.")] = 28,
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """List the shifts of the next days, hours that nobody holds among them."""
    names = [schedule] if schedule else list(ask(url, "/api/v1/oncall", token)["schedules"])
    found = {name: ask(url, f"/api/v1/oncall/{quote(name, safe='')}/shifts?days={days}", token) for name in names}
    if as_json(form, {name: page["items"] for name, page in found.items()}):
        return
    columns = ("schedule", "person", "since", "until", "next", "because")
    table(columns, [(name, *_shift(shift)) for name, page in found.items() for shift in page["items"]])


@oncall.command("override")
def override(
    schedule: Schedule,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="A key of `people`, with or without @.")],
    until: Annotated[str, typer.Option("--until", metavar="TIME", help=f"Until when: {TIMES}; or a duration, as 2h.")],
    begins: Annotated[str, typer.Option("--from", metavar="TIME", help="From when on; left out: from now on.")] = "",
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Let somebody take over a schedule for a while."""
    body = {"schedule": schedule, "person": person}
    if begins:
        body["from"] = moment(begins).isoformat()
    body["until"] = until_when(until, moment(begins) if begins else None).isoformat()
    made = ask(url, "/api/v1/oncall/overrides", token, body)
    if not as_json(form, made):
        typer.echo(plain(f"{made['id']}: {made['person']} is on call in {made['schedule']} from {made['from']} "
                         f"until {made['until']}"))  # fmt: skip


@oncall.command("overrides")
def overrides(form: AsJson = "text", url: Url = HERE, token: Token = "") -> None:
    """List the overrides that hold or are to come."""
    page = ask(url, "/api/v1/oncall/overrides", token)
    if not as_json(form, page):
        columns = ("id", "schedule", "person", "from", "until", "by")
        table(columns, [[str(one[name]) for name in columns] for one in page["items"]])


@oncall.command("lift")
def lift(
    number: Annotated[str, typer.Argument(metavar="ID", help="Its id, as `overrides` lists it.")],
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """End an override now, or take back one that is to come."""
    ended = ask(url, f"/api/v1/oncall/overrides/{quote(number, safe='')}", token, method="DELETE")
    if not as_json(form, ended):
        typer.echo(plain(f"{ended['person']} does not take over {ended['schedule']} any more"))


@oncall.command("ical")
def ical(
    schedule: Schedule,
    out: Annotated[Path | None, typer.Option("--out", metavar="F", help="A file to write; left out: printed.")] = None,
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Print a schedule as iCalendar: the last 30 and the next 90 days."""
    made = fetch(url, f"/api/v1/oncall/{quote(schedule, safe='')}.ics", token)
    if out is None:
        sys.stdout.write(made.decode("utf-8"))
        return
    try:
        out.write_bytes(made)
    except OSError as error:
        typer.echo(f"{out}: {error.strerror}", err=True)
        raise typer.Exit(1) from None


@oncall.command("calendar")
def calendar(
    schedule: Schedule,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="A key of `people`, with or without @.")],
    end: Annotated[bool, typer.Option("--end", help="End the address instead.")] = False,
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Make a secret address to which a person's calendar program subscribes; the one before ends."""
    path = f"/api/v1/oncall/{quote(schedule, safe='')}/calendar"
    if end:
        ended = ask(url, f"{path}?{urlencode({'person': person})}", token, method="DELETE")
        if not as_json(form, ended):
            typer.echo(plain(f"the address of {ended['person']} for {ended['schedule']} has ended"))
        return
    made = ask(url, path, token, {"person": person})
    if not made["url"].startswith("http"):
        made["url"] = url.rstrip("/") + made["url"]
    if not as_json(form, made):
        typer.echo(plain(made["url"]))


@oncall.command("accept")
def accept(
    schedule: Schedule,
    by: Annotated[str, typer.Option("--by", help="Who accepts it; left out: the name of the token.")] = "",
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Accept the hand-off of a schedule."""
    body = {"by": by} if by else {}
    done = ask(url, f"/api/v1/oncall/{quote(schedule, safe='')}/accept", token, body)
    if not as_json(form, done):
        typer.echo(plain(f"{done['schedule']}: {done['person']} is on call since {done['since']}, accepted by "
                         f"{done['by']} at {done['at']}"))  # fmt: skip


@oncall.command("preflight")
def preflight(form: AsJson = "text", url: Url = HERE, token: Token = "") -> None:
    """Say who is unreachable, and which hours nobody holds, in the next 14 days; exit code 1 if there is anything."""
    found = ask(url, "/api/v1/oncall/preflight", token)
    if not as_json(form, found):
        for one in found["unreachable"]:
            named = ", ".join(one["called_as"])
            typer.echo(plain(f"{one['person']}: {one['name']} has no address on any channel that rings ({named})"))
        for one in found["gaps"]:
            typer.echo(plain(f"{one['schedule']}: nobody is on call from {one['from']} until {one['until']}"))
        if found["good"]:
            typer.echo("everybody can be reached, and every hour is held")
    if not found["good"]:
        raise typer.Exit(1)


def as_json(form: str, value: Any) -> bool:
    """Print `value` if JSON is asked for, and return whether it was. Ends the command with 2 for another form."""
    if form not in ("text", "json"):
        typer.echo(f"--format {plain(form)}: no such form (write text or json)", err=True)
        raise typer.Exit(2)
    if form == "json":
        typer.echo(json.dumps(value, ensure_ascii=False))
    return form == "json"


def _shift(shift: dict[str, Any]) -> tuple[str, ...]:
    return (
        shift["person"] or "nobody", shift["since"] or "", shift["until"], shift["next"] or "nobody", shift["reason"],
    )  # fmt: skip


def moment(text: str, *, ends: bool = False) -> datetime:
    """Return the moment that `text` names, in UTC. Ends the command with 2 where it names none."""
    from receiver.model.wall_clock import check_when, parse_when

    try:
        return parse_when(check_when(text), ZoneInfo("UTC"), ends=ends)
    except ValueError as error:
        typer.echo(f"{plain(text)}: {error}", err=True)
        raise typer.Exit(2) from None


def until_when(text: str, begins: datetime | None) -> datetime:
    """Return the moment that `text` names, or that lies so long after `begins` (None: now). See `moment`."""
    from receiver.clock import Clock
    from receiver.model.setting_values import parse_duration

    try:
        lasts: timedelta = parse_duration(text)
    except ValueError:
        return moment(text, ends=True)
    return (begins or Clock().now().astimezone(UTC)) + lasts
