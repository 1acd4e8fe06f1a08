"""Commands for responders: all actions on an incident, through the API."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from receiver.cli.argument_values import seconds, severity
from receiver.cli.incident_view import incidents, titled
from receiver.cli.service_client import HERE, AsJson, Token, Url, ask, plain
from receiver.cli.terminal_view import on_terminal, rows_table, short_time

Number = Annotated[str, typer.Argument(metavar="INC", help="Incident id: INC-2026-0001, inc-2026-1, or 1.")]
Text = Annotated[str, typer.Option("--text", help="Reason, for the timeline.")]
Force = Annotated[bool, typer.Option("--force", help="Accept a name or an option that is not configured.")]
By = Annotated[str, typer.Option("--by", help="The person performing the action; default: the token's name.")]


def do(
    url: str, token: str, number: str, path: str, body: dict[str, Any], form: str = "text", method: str = "POST"
) -> None:
    """Run a command on an incident and print its new state."""
    sent = {name: value for name, value in body.items() if value not in ("", None)}
    where = f"/api/v1/incidents/{quote(number, safe='')}"
    show(ask(url, f"{where}/{path}" if path else where, token, sent, method), form)


def show(incident: dict[str, Any], form: str) -> None:
    """Print an incident in one line, followed by its changes, or print all of it as JSON."""
    if form == "json":
        typer.echo(json.dumps(incident, ensure_ascii=False))
        return
    typer.echo(plain(f"{incident['id']}  {incident['severity']}  {incident['state']}  {titled(incident)}"))
    # An older service does not return the changes.
    if "changed" in incident:
        for line in incident["changed"] or ["nothing: it was already in that state"]:
            typer.echo(plain(f"changed: {line}"))
    for line in incident.get("warnings", ()):
        typer.echo(plain(f"warning: {line}"), err=True)


@incidents.command("create")
def create(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="The problem, in one line.")],
    level: Annotated[str, typer.Option("--severity", help="1 to 4, or SEV-1 to SEV-4.")] = "3",
    service: Annotated[str, typer.Option("--service", help="The affected service.")] = "",
    summary: Annotated[str, typer.Option("--summary", help="More details.")] = "",
    owner: Annotated[str, typer.Option("--team", help="The team that owns it; default: the top level.")] = "",
    drill: Annotated[
        bool, typer.Option("--drill", help="Declare it as a drill: marked everywhere, excluded from all statistics.")
    ] = False,
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Declare an incident and page the contacts for its severity."""
    body = {
        "title": title,
        "severity": severity(level),
        "service": service,
        "team": owner,
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


_move(
    "ack",
    "acknowledge",
    "Acknowledge an incident; the settings for its severity determine whether anyone else is paged.",
)
_move("identify", "identify", "Mark the cause as known.")
_move("mitigated", "mitigate", "Record that the fix is in place; the incident is then monitored.")
_move("resolve", "resolve", "Resolve an incident.")
_move("reopen", "reopen", "Reopen an incident.")
_move("escalate", "escalate", "Take the next step of the escalation now.")


@incidents.command("close")
def close(
    number: Number,
    force: Annotated[bool, typer.Option("--force", help="Close it even if it is not resolved; needs --text.")] = False,
    text: Text = "", by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Close a resolved incident, or any incident with --force and a reason in --text."""
    do(url, token, number, "close", {"text": text, "by": by, "force": force or None}, form)


@incidents.command("severity")
def set_severity(
    number: Number,
    level: Annotated[str, typer.Argument(metavar="N", help="1 to 4, or SEV-1 to SEV-4.")],
    text: Text = "", by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Set an incident's severity by hand."""
    do(url, token, number, "", {"severity": severity(level), "text": text, "by": by}, form, "PATCH")


@incidents.command("role")
def role(
    number: Number,
    name: Annotated[str, typer.Argument(metavar="ROLE", help="ic, tech, comms or scribe.")],
    person: Annotated[str, typer.Argument(metavar="PERSON", help="A key of `people`; use - for no one.")],
    force: Force = False,
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Assign a role, or hand it over."""
    body: dict[str, Any] = {"role": name.lower(), "person": None if person == "-" else person}
    body |= {} if force else {"known_only": True}
    if by:
        body["by"] = by
    where = f"/api/v1/incidents/{quote(number, safe='')}/roles"
    show(ask(url, where, token, body), form)


@incidents.command("note")
def note(
    number: Number,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The note.")],
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="When it happened, if earlier (RFC 3339).")] = "",
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Add a note to the timeline."""
    do(url, token, number, "notes", {"text": text, "at": at, "by": by}, form)


@incidents.command("status")
def status(
    number: Number,
    word: Annotated[str, typer.Argument(metavar="STATUS", help="investigating, identified, monitoring or resolved.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The public text.")],
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Post a status update, and move the incident to that state."""
    do(url, token, number, "status-updates", {"status": word, "text": text, "by": by}, form)


@incidents.command("checklist")
def checklist(
    number: Number,
    item: Annotated[
        int | None, typer.Argument(metavar="ITEM", help="The item to check off; default: list all items.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Uncheck it.")] = False,
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Show the investigation checklist, or check off an item."""
    where = f"/api/v1/incidents/{quote(number, safe='')}"
    if item is None:
        incident = ask(url, where, token)
    else:
        body: dict[str, Any] = {"item": item, "done": not undo, **({"by": by} if by else {})}
        incident = ask(url, f"{where}/checklist", token, body)
    if form == "json":
        typer.echo(json.dumps(incident["checklist"], ensure_ascii=False))
        return
    if on_terminal():
        done = [f"{one['by']} {short_time(one['at'])[:11]}" if one["done"] else "" for one in incident["checklist"]]
        items = [f"{one['item']}. {one['text']}{f' ({found})' if (found := one.get('found')) else ''}"
                 for one in incident["checklist"]]  # fmt: skip
        rows_table(("done by", "item"), [(plain(by), plain(text)) for by, text in zip(done, items, strict=True)])
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
        metavar="OPTION", help="rollback, scale, circuit-breaker, feature-flag, failover; your own with --force.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The action taken.")] = "",
    force: Force = False,
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Record a mitigation."""
    body = {"option": option, "text": text, "by": by, "known_only": None if force else True}
    do(url, token, number, "mitigations", body, form)


@incidents.command("action")
def action(
    number: Number,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="The task; with --n: its new title.")] = "",
    owner: Annotated[str, typer.Option("--owner", help="The owner.")] = "",
    due: Annotated[str, typer.Option("--due", metavar="DATE", help="The due date, such as 2026-12-01.")] = "",
    n: Annotated[int, typer.Option("--n", help="Change the action item with this number instead.")] = 0,
    state: Annotated[str, typer.Option("--status", help="With --n: open, done or dropped.")] = "",
    force: Force = False,
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Add an action item, or change one."""
    body = {"title": title, "owner": owner, "due": due, "by": by, "known_only": None if force else True}
    if n:
        do(url, token, number, f"actions/{n}", {**body, "status": state}, form, "PATCH")
        return
    if not title or not owner:
        raise typer.BadParameter("an action item needs a title and --owner")
    do(url, token, number, "actions", body, form)


@incidents.command("team")
def team(
    number: Number,
    name: Annotated[str, typer.Argument(metavar="TEAM", help="A key of `teams`; - for the top level.")],
    text: Text = "", by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Hand an incident over to another team: page the new team, and end the old team's pages."""
    body = {"team": "" if name == "-" else name, **({"text": text} if text else {}), **({"by": by} if by else {})}
    show(ask(url, f"/api/v1/incidents/{quote(number, safe='')}/team", token, body), form)


@incidents.command("timer")
def timer(
    number: Number,
    word: Annotated[str, typer.Argument(metavar="start|stop", help="start or stop.")],
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Start or stop an incident's timer."""
    do(url, token, number, "timer", {"action": word, "by": by}, form)


@incidents.command("merge")
def merge(
    number: Number,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The incident to merge it into.")],
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Merge an incident into another one."""
    do(url, token, number, "merge", {"into": into, "by": by}, form)


@incidents.command("split")
def split(
    number: Number,
    fingerprints: Annotated[list[str], typer.Argument(metavar="FINGERPRINT...", help="The alerts to move.")],
    title: Annotated[str, typer.Option("--title", help="Its title; default: derived from its worst alert.")] = "",
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Move some of an incident's alerts to a new incident."""
    do(url, token, number, "split", {"fingerprints": fingerprints, "title": title, "by": by}, form)


@incidents.command("silence")
def silence(
    number: Number,
    duration: Annotated[str, typer.Argument(metavar="DURATION", help="Duration, such as 2h.")],
    text: Text = "", by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Silence an incident's alerts in Alertmanager; the silence ends with the incident."""
    do(url, token, number, "silence", {"duration": seconds(duration), "text": text, "by": by}, form)


def page(
    contact: Annotated[str, typer.Argument(metavar="@CONTACT", help="A contact, TEAM/CONTACT, or a team.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The reason for the page.")],
    number: Annotated[str, typer.Option("--incident", metavar="INC", help="The incident; default: none.")] = "",
    by: By = "", form: AsJson = "text", url: Url = HERE, token: Token = "",
) -> None:  # fmt: skip
    """Page a contact, optionally for an incident."""
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
