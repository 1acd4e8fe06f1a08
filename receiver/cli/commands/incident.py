"""Commands of responders: everything that can be done to an incident, through the API."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any
from urllib.parse import quote

import typer

from receiver.cli.service_client import HERE, AsJson, Token, Url, ask, incidents, plain, titled

Number = Annotated[str, typer.Argument(metavar="INC", help="Its id, as INC-2026-0001.")]
Text = Annotated[str, typer.Option("--text", help="Why, for the timeline.")]
By = Annotated[str, typer.Option("--by", help="Who does it; default: the token's name.")]
_SPAN = re.compile(r"(\d+)(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SEVERITY = re.compile(r"(?:SEV-?)?([1-4])", re.IGNORECASE)


def severity(text: str) -> str:
    """Return `SEV-2` for 2, sev2 or SEV-2; ends the command with 2 for anything else."""
    match = _SEVERITY.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text}: no severity (write 1 to 4, or SEV-1 to SEV-4)")
    return f"SEV-{match[1]}"


def seconds(text: str) -> int:
    """Return the seconds of `90s`, `30m`, `2h`, `1d`; ends the command with 2 for anything else."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text}: no duration (write 30m, 2h or 1d)")
    return int(match[1]) * _SECONDS[match[2]]


def do(
    url: str, token: str, number: str, path: str, body: dict[str, Any], form: str = "text", method: str = "POST"
) -> None:
    """Do something to an incident and print how it stands now."""
    sent = {name: value for name, value in body.items() if value not in ("", None)}
    where = f"/api/v1/incidents/{quote(number, safe='')}"
    show(ask(url, f"{where}/{path}" if path else where, token, sent, method), form)


def show(incident: dict[str, Any], form: str) -> None:
    """Print an incident in a line, or as JSON."""
    if form == "json":
        typer.echo(json.dumps(incident, ensure_ascii=False))
        return
    typer.echo(plain(f"{incident['id']}  {incident['severity']}  {incident['state']}  {titled(incident)}"))


@incidents.command("create")
def create(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What is wrong, in a line.")],
    level: Annotated[str, typer.Option("--severity", help="1 to 4, or SEV-1 to SEV-4.")] = "3",
    service: Annotated[str, typer.Option("--service", help="The service that it is about.")] = "",
    summary: Annotated[str, typer.Option("--summary", help="More about it.")] = "",
    drill: Annotated[bool, typer.Option("--drill", help="An exercise: marked everywhere, counted nowhere.")] = False,
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Declare an incident: its severity's contacts are paged."""
    body = {
        "title": title,
        "severity": severity(level),
        "service": service,
        "summary": summary,
        "by": by,
        "drill": drill or None,
    }
    sent = {name: value for name, value in body.items() if value not in ("", None)}
    show(ask(url, "/api/v1/incidents", token, sent), form)


def _move(verb: str, path: str, text: str) -> None:
    def command(
        number: Number, text: Text = "", by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = ""
    ) -> None:
        do(url, token, number, path, {"text": text, "by": by}, form)

    command.__doc__ = text
    incidents.command(verb)(command)


_move("ack", "acknowledge", "Acknowledge it: nobody else is called, as its severity says.")
_move("identify", "identify", "Say that the cause is known.")
_move("mitigated", "mitigate", "Say that the fix is in: it is watched.")
_move("resolve", "resolve", "Say that it is over.")
_move("reopen", "reopen", "Say that it is not over after all.")
_move("escalate", "escalate", "Take the next step of the escalation now.")


@incidents.command("close")
def close(
    number: Number,
    force: Annotated[bool, typer.Option("--force", help="Although it is not resolved; needs --text.")] = False,
    text: Text = "", by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Close it; needs a resolved one, or --force with --text saying why not to wait."""
    do(url, token, number, "close", {"text": text, "by": by, "force": force or None}, form)


@incidents.command("severity")
def set_severity(
    number: Number,
    level: Annotated[str, typer.Argument(metavar="N", help="1 to 4, or SEV-1 to SEV-4.")],
    text: Text = "", by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Set its severity by hand."""
    do(url, token, number, "", {"severity": severity(level), "text": text, "by": by}, form, "PATCH")


@incidents.command("role")
def role(
    number: Number,
    name: Annotated[str, typer.Argument(metavar="ROLE", help="ic, tech, comms or scribe.")],
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Who takes it; - for nobody.")],
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Give a role to somebody, or hand it over."""
    body: dict[str, Any] = {"role": name.lower(), "person": None if person == "-" else person}
    if by:
        body["by"] = by
    where = f"/api/v1/incidents/{quote(number, safe='')}/roles"
    show(ask(url, where, token, body), form)


@incidents.command("note")
def note(
    number: Number,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to write down.")],
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="When it happened, if earlier (RFC 3339).")] = "",
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Write into the timeline."""
    do(url, token, number, "notes", {"text": text, "at": at, "by": by}, form)


@incidents.command("status")
def status(
    number: Number,
    word: Annotated[str, typer.Argument(metavar="STATUS", help="investigating, identified, monitoring or resolved.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the public is told.")],
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Post a status update, and move the incident forward to it."""
    do(url, token, number, "status-updates", {"status": word, "text": text, "by": by}, form)


@incidents.command("checklist")
def checklist(
    number: Number,
    item: Annotated[int | None, typer.Argument(metavar="ITEM", help="The number to tick; none: show the list.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Untick it.")] = False,
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Show the investigation checklist, or tick an item of it."""
    where = f"/api/v1/incidents/{quote(number, safe='')}"
    if item is None:
        incident = ask(url, where, token)
    else:
        body: dict[str, Any] = {"item": item, "done": not undo, **({"by": by} if by else {})}
        incident = ask(url, f"{where}/checklist", token, body)
    if form == "json":
        typer.echo(json.dumps(incident["checklist"], ensure_ascii=False))
        return
    for one in incident["checklist"]:
        who = f"  ({one['by']}, {one['at']})" if one["done"] else ""
        typer.echo(plain(f"{one['item']}. [{'x' if one['done'] else ' '}] {one['text']}{who}"))
        if one.get("found"):
            typer.echo(plain(f"       {one['found']}"))


@incidents.command("mitigate")
def mitigate(
    number: Number,
    option: Annotated[str, typer.Argument(
        metavar="OPTION", help="rollback, scale, circuit-breaker, feature-flag, failover, or a word of your own.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is done.")] = "",
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Choose a mitigation and note it."""
    do(url, token, number, "mitigations", {"option": option, "text": text, "by": by}, form)


@incidents.command("action")
def action(
    number: Number,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What is to be done; with --n: its new title.")] = "",
    owner: Annotated[str, typer.Option("--owner", help="Who does it.")] = "",
    due: Annotated[str, typer.Option("--due", metavar="DATE", help="By when, as 2026-12-01.")] = "",
    n: Annotated[int, typer.Option("--n", help="Change the action item of this number instead.")] = 0,
    state: Annotated[str, typer.Option("--status", help="With --n: open, done or dropped.")] = "",
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Promise an action item, or change one."""
    body = {"title": title, "owner": owner, "due": due, "by": by}
    if n:
        do(url, token, number, f"actions/{n}", {**body, "status": state}, form, "PATCH")
        return
    if not title or not owner:
        raise typer.BadParameter("an action item needs a title and --owner")
    do(url, token, number, "actions", body, form)


@incidents.command("timer")
def timer(
    number: Number,
    word: Annotated[str, typer.Argument(metavar="start|stop", help="start or stop.")],
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Start or stop its timer."""
    do(url, token, number, "timer", {"action": word, "by": by}, form)


@incidents.command("merge")
def merge(
    number: Number,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The incident that it is part of.")],
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Merge it into another one."""
    do(url, token, number, "merge", {"into": into, "by": by}, form)


@incidents.command("split")
def split(
    number: Number,
    fingerprints: Annotated[list[str], typer.Argument(metavar="FINGERPRINT...", help="Which of its alerts.")],
    title: Annotated[str, typer.Option("--title", help="Of the new one; default: of its worst alert.")] = "",
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Make some of its alerts another incident."""
    do(url, token, number, "split", {"fingerprints": fingerprints, "title": title, "by": by}, form)


@incidents.command("silence")
def silence(
    number: Number,
    duration: Annotated[str, typer.Argument(metavar="DURATION", help="How long, as 2h.")],
    text: Text = "", by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Silence its alerts in Alertmanager; the silence ends with the incident."""
    do(url, token, number, "silence", {"duration": seconds(duration), "text": text, "by": by}, form)


def page(
    contact: Annotated[str, typer.Argument(metavar="@CONTACT", help="A key of `contacts`.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What it is about.")],
    number: Annotated[str, typer.Option("--incident", metavar="INC", help="Into this incident; default: none.")] = "",
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Page somebody, into an incident or outside of any."""
    body = {"contact": contact, "text": text, **({"by": by} if by else {})}
    if number:
        do(url, token, number, "pages", body, form)
        return
    answer = ask(url, "/api/v1/pages", token, body)
    if form == "json":
        typer.echo(json.dumps(answer, ensure_ascii=False))
        return
    for one in answer["pages"]:
        typer.echo(plain(f"paged {one['person']} ({one['contact']}) on {one['channel']}"))
    for person in answer.get("just_paged", ()):
        typer.echo(plain(f"{person} is not paged again: you paged them less than a minute ago"), err=True)
    if not answer["pages"]:
        raise typer.Exit(1)


def openapi() -> None:
    """Print the OpenAPI document of the API."""
    from receiver.web.openapi_document import document_offered

    typer.echo(json.dumps(document_offered(), ensure_ascii=False, indent=2))
