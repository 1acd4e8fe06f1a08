"""Commands for schedules, through a running service."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Annotated, Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import typer

from receiver.cli.service_client import HERE, AsJson, Token, Url, ask, fetch, plain, table, whole_id
from receiver.cli.terminal_view import progress

oncall = typer.Typer(no_args_is_help=True, help="Show who is on call now and next; manage overrides and hand-offs.")
Schedule = Annotated[str, typer.Argument(metavar="SCHEDULE", help="A key of `schedules`.")]
EVERY = 2.0
"""Seconds between two checks for responses to test pages."""
TIMES = "such as 2026-12-24T09:00:00Z (UTC if there is no offset)"


@oncall.command("show")
def show(
    at: Annotated[str, typer.Option("--at", metavar="TIME", help=f"Show who is on call at this time, {TIMES}.")] = "",
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Show who is on call: schedule, person, since, until, next person, and reason."""
    query = f"?{urlencode({'at': moment(at).isoformat()})}" if at else ""
    told = ask(url, f"/api/v1/oncall{query}", token)
    if as_json(form, told):
        return
    columns = ("schedule", "person", "since", "until", "next", "because")
    table(columns, [(name, *_shift(shift)) for name, shift in told["schedules"].items()])


@oncall.command("next")
def following(
    schedule: Annotated[str, typer.Argument(metavar="[SCHEDULE]", help="A key of `schedules`; default: all.")] = "",
    days: Annotated[int, typer.Option("--days", min=1, max=400, help="Number of days to list.")] = 28,
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """List upcoming shifts, including hours with no one on call."""
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
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", help=f"End: a time, {TIMES}, or a duration, such as 2h.")
    ],
    begins: Annotated[str, typer.Option("--from", metavar="TIME", help="Start time; default: now.")] = "",
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Put a person on call for a limited time."""
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
    """List current and future overrides."""
    page = ask(url, "/api/v1/oncall/overrides", token)
    if not as_json(form, page):
        columns = ("id", "schedule", "person", "from", "until", "by")
        table(columns, [[str(one[name]) for name in columns] for one in page["items"]])


@oncall.command("lift")
def lift(
    number: Annotated[str, typer.Argument(metavar="ID", help="Its id, from `overrides`, or the beginning of the id.")],
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """End an override now, or cancel a future one."""
    number = whole_id(url, token, "/api/v1/oncall/overrides", number)
    ended = ask(url, f"/api/v1/oncall/overrides/{quote(number, safe='')}", token, method="DELETE")
    if not as_json(form, ended):
        typer.echo(plain(f"{ended['person']} no longer takes over {ended['schedule']}"))


@oncall.command("ical")
def ical(
    schedule: Schedule,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="F", help="Output file; default: standard output.")
    ] = None,
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
    end: Annotated[bool, typer.Option("--end", help="Revoke the address instead.")] = False,
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Create a secret address for a person's calendar app; the previous one is revoked."""
    path = f"/api/v1/oncall/{quote(schedule, safe='')}/calendar"
    if end:
        ended = ask(url, f"{path}?{urlencode({'person': person})}", token, method="DELETE")
        if not as_json(form, ended):
            typer.echo(plain(f"the address of {ended['person']} for {ended['schedule']} is revoked"))
        return
    made = ask(url, path, token, {"person": person})
    if not made["url"].startswith("http"):
        made["url"] = url.rstrip("/") + made["url"]
    if not as_json(form, made):
        typer.echo(plain(made["url"]))


@oncall.command("accept")
def accept(
    schedule: Annotated[
        str, typer.Argument(metavar="SCHEDULE|OFFER", help="A key of `schedules`, or the id of an offer.")
    ],
    by: Annotated[str, typer.Option("--by", help="Who accepts it; default: the name of the token.")] = "",
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Accept the hand-off of a schedule, or take over an offered shift."""
    body = {"by": by} if by else {}
    if schedule.startswith("offer-"):
        taken = ask(url, f"/api/v1/oncall/offers/{quote(schedule, safe='')}/accept", token, body)
        if not as_json(form, taken):
            typer.echo(plain(f"{taken['schedule']}: {taken['accepted_by']} takes over from {taken['person']} from "
                             f"{taken['from']} until {taken['until']}"))  # fmt: skip
        return
    done = ask(url, f"/api/v1/oncall/{quote(schedule, safe='')}/accept", token, body)
    if not as_json(form, done):
        typer.echo(plain(f"{done['schedule']}: {done['person']} is on call since {done['since']}, accepted by "
                         f"{done['by']} at {done['at']}"))  # fmt: skip


@oncall.command("preflight")
def preflight(form: AsJson = "text", url: Url = HERE, token: Token = "") -> None:
    """List unreachable or untested people, and hours with no one on call, in the next 14 days; exit 1 if any."""
    found = ask(url, "/api/v1/oncall/preflight", token)
    if not as_json(form, found):
        for one in found["unreachable"]:
            named = ", ".join(one["called_as"])
            why = "has no address on any paging channel"
            if one.get("log_only"):
                why = "is paged only in the log, which reaches no one: add a paging channel"
            typer.echo(plain(f"{one['person']}: {one['name']} {why} ({named})"))
        for one in found["gaps"]:
            typer.echo(plain(f"{one['schedule']}: no one is on call from {one['from']} until {one['until']}"))
        for one in found["unproved"]:
            last = f"was last verified at {one['proved_at']}" if one["proved_at"] else "was never verified"
            typer.echo(plain(f"{one['person']}: {_means(one)} {last} (receiver oncall prove {one['person']})"))
        if found["good"]:
            typer.echo("everyone can be reached, and every hour is covered")
    if not found["good"]:
        raise typer.Exit(1)


@oncall.command("prove")
def prove(
    people: Annotated[
        list[str] | None, typer.Argument(metavar="[PERSON]...", help="Keys of `people`; default: everyone.")
    ] = None,
    wait: Annotated[str, typer.Option("--wait", metavar="TIME", help="How long to wait for responses.")] = "10m",
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Send test pages (drills) through each of a person's channels and wait for responses; exit 1 if one is missing."""
    from receiver.clock import Clock

    seconds, clock = _seconds(wait), Clock()
    body = {"people": people or [], "within": min(max(seconds, 30), 86400)}
    made = ask(url, "/api/v1/oncall/prove", token, body)["items"]
    if not made:
        as_json(form, {"items": [], "next": None})
        typer.echo("no test page was sent: no one has an address on a channel that can page (docs/phones.md)", err=True)
        raise typer.Exit(1)
    if form == "text":
        one = len(made) == 1
        sent = "1 test page was sent; respond to it" if one else f"{len(made)} test pages were sent; respond to them"
        typer.echo(f"{sent} on the phone", err=True)
    ends = clock.monotonic() + seconds
    found = made
    with progress("test pages answered", len(made)) as advance:
        while not all(one["answered"] for one in found) and clock.monotonic() < ends:
            sleep(min(EVERY, max(0.0, ends - clock.monotonic())))
            known = {_proof(one): one for one in ask(url, "/api/v1/oncall/prove", token)["items"]}
            before, found = _answered(found), [known.get(_proof(one), one) for one in made]
            advance(_answered(found) - before)
    if not as_json(form, {"items": found, "next": None}):
        columns = ("person", "by", "answered", "proved")
        table(columns, [(one["person"], _means(one), "yes" if one["answered"] else "no", one["proved_at"] or "never")
                        for one in found])  # fmt: skip
    if not all(one["answered"] for one in found):
        raise typer.Exit(1)


def _answered(found: list[dict[str, Any]]) -> int:
    return sum(one["answered"] for one in found)


def _seconds(text: str) -> int:
    from receiver.model.setting_values import parse_duration

    try:
        return round(parse_duration(text).total_seconds())
    except ValueError as error:
        typer.echo(f"--wait {plain(text)}: {error}", err=True)
        raise typer.Exit(2) from None


def _proof(one: dict[str, Any]) -> tuple[Any, ...]:
    return one["person"], one["channel"], one["how"]


def _means(one: dict[str, Any]) -> str:
    return f"{one['channel']} ({one['how']})" if one["how"] else str(one["channel"])


def as_json(form: str, value: Any) -> bool:
    """Print `value` if JSON is requested, and return whether it was. For another format, end with exit code 2."""
    if form not in ("text", "json"):
        typer.echo(f"--format {plain(form)}: no such format (write text or json)", err=True)
        raise typer.Exit(2)
    if form == "json":
        typer.echo(json.dumps(value, ensure_ascii=False))
    return form == "json"


def _shift(shift: dict[str, Any]) -> tuple[str, ...]:
    return (
        shift["person"] or "no one", shift["since"] or "", shift["until"], shift["next"] or "no one", shift["reason"],
    )  # fmt: skip


def moment(text: str, *, ends: bool = False) -> datetime:
    """Return the time in `text`, in UTC. If it is not a time, end the command with exit code 2."""
    from receiver.model.wall_clock import check_when, parse_when

    try:
        return parse_when(check_when(text), ZoneInfo("UTC"), ends=ends)
    except ValueError as error:
        typer.echo(f"{plain(text)}: {error}", err=True)
        raise typer.Exit(2) from None


def until_when(text: str, begins: datetime | None) -> datetime:
    """Return the time in `text`, or the time after that duration from `begins` (None: now). See `moment`."""
    from receiver.clock import Clock
    from receiver.model.setting_values import parse_duration

    try:
        lasts: timedelta = parse_duration(text)
    except ValueError:
        return moment(text, ends=True)
    return (begins or Clock().now().astimezone(UTC)) + lasts
