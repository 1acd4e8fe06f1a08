"""Commands that show incidents: a list, and one incident with its timeline."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from receiver.cli.decision_view import decision_lines, similar_lines
from receiver.cli.service_client import HERE, AsJson, Token, Url, ask, plain
from receiver.cli.terminal_view import facts, incident_table, on_terminal, short_time

ALERTS_SHOWN = 5
WAITS = re.compile(", wait(?:s|ing) for approval")
"""Part of an entry about a draft; it is removed once no draft is pending."""
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}Z")
incidents = typer.Typer(no_args_is_help=True, help="Show incidents and work on them.")


@incidents.command("list")
def list_incidents(
    open_only: Annotated[bool, typer.Option("--open", help="Only incidents that are not resolved or closed.")] = False,
    severity: Annotated[str, typer.Option("--severity", help="SEV-1 .. SEV-4.")] = "",
    state: Annotated[str, typer.Option("--state", help="open, acknowledged, identified, monitoring ...")] = "",
    service: Annotated[str, typer.Option("--service", help="Only incidents of this service.")] = "",
    team: Annotated[str, typer.Option("--team", help="Only incidents of this team; - for the top level.")] = "",
    label: Annotated[
        list[str] | None, typer.Option("--label", metavar="MATCHER", help="As in Alertmanager: zone=eu-1, zone=~eu-.*")
    ] = None,
    queue: Annotated[bool, typer.Option("--queue", help="Queue order: unowned first, then oldest first.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="Maximum number.")] = 100,
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """List incidents, newest first."""
    given = {
        "open": "true" if open_only else "", "severity": severity, "state": state, "service": service,
        "queue": "true" if queue else "",
    }  # fmt: skip
    query = {name: text for name, text in given.items() if text}
    if team:
        query["team"] = "" if team == "-" else team
    page = _page(url, token, [*query.items(), *(("label", one) for one in label or ())], limit)
    if form == "json":
        typer.echo(json.dumps(page, ensure_ascii=False))
        return
    if on_terminal():
        incident_table(page["items"], [plain(titled(one)) for one in page["items"]])
        if page["next"] is not None:
            typer.echo(f"more than {limit} incidents: add a filter, or raise --limit", err=True)
        return
    # A service without teams has no column for them.
    owned = any(i.get("team") for i in page["items"])
    for i in page["items"]:
        team_of = (i["team"],) if owned else ()
        row = (i["id"], i["severity"], i["state"], i["opened_at"], *team_of, i["service"] or "", titled(i))
        typer.echo("\t".join(plain(cell) for cell in row))


def _page(url: str, token: str, query: Sequence[tuple[str, str]], limit: int) -> dict[str, Any]:
    """Return at most `limit` incidents. With a filter, a page may be short although there is a next one."""
    page: dict[str, Any] = ask(url, f"/api/v1/incidents?{urlencode([*query, ('limit', limit)])}", token)
    while page["next"] is not None and (left := limit - len(page["items"])) > 0:
        more = ask(
            url, f"/api/v1/incidents?{urlencode([*query, ('limit', left), ('cursor', page['next'])])}", token
        )  # fmt: skip
        page = {**more, "items": [*page["items"], *more["items"]]}
    return page


@incidents.command("show")
def show_incident(
    number: Annotated[str, typer.Argument(metavar="INC", help="Incident id: INC-2026-0001, inc-2026-1, or 1.")],
    receipts: Annotated[bool, typer.Option("--receipts", help="Also show what each channel sent.")] = False,
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Show one incident with its timeline."""
    path = f"/api/v1/incidents/{quote(number, safe='')}"
    incident, timeline = ask(url, path, token), ask(url, f"{path}/timeline", token)
    similar = ask(url, f"{path}/similar", token, absent=b"{}")
    if form == "json":
        found = {"similar": similar} if similar else {}
        typer.echo(json.dumps({**incident, "timeline": timeline, **found}, ensure_ascii=False))
        return
    rows = _rows(incident, similar, receipts=receipts)
    shown = _timeline_rows(incident, timeline)
    head = (incident["id"], incident["severity"], incident["state"], titled(incident))
    if on_terminal():
        number, severity, state, title = (plain(part) for part in head)
        facts(
            (number, severity, state, title),
            [(name, plain(_times(text))) for name, text in rows],
            [(short_time(at), plain(text)) for at, text in shown],
        )
        return
    lines = ["  ".join(head), *(f"{name:<10} {text}" for name, text in rows), *(f"{at}  {text}" for at, text in shown)]
    for line in lines:
        typer.echo(plain(line))


def _rows(incident: Mapping[str, Any], similar: Mapping[str, Any], *, receipts: bool) -> list[tuple[str, str]]:
    # Name and text of each fact; `similar`: empty from an older service.
    rows = [
        *decision_lines(incident["decision"]),
        ("alerts", f"{incident['alerts']['firing']} firing, {incident['alerts']['resolved']} resolved"),
        *alert_lines(incident["alerts"].get("items", ())),
        *(("page", f"{p['at']} {_paged(p)} {_delivery(p)}") for p in incident["pages"]),
        *_next_line(incident.get("next_escalation")),
        *similar_lines(similar),
        *(("receipt", receipt_line(one)) for one in (incident["receipts"] if receipts else ())),
    ]
    hidden = 0 if receipts else len(incident["receipts"])
    return [*rows, ("receipts", f"{hidden} deliveries (--receipts shows them)")] if hidden else rows


def _timeline_rows(incident: Mapping[str, Any], timeline: Any) -> list[tuple[str, str]]:
    events = timeline["items"] if isinstance(timeline, dict) else timeline
    waits = any(one["state"] == "draft" for one in incident.get("status_updates", ()))
    return [(e["at"], event_line(e) if waits else WAITS.sub("", event_line(e), 1)) for e in events]


def _times(text: str) -> str:
    """Return `text` with the time at its beginning shortened."""
    return f"{short_time(text[:24])}{text[24:]}" if _TIME.match(text) else text


def event_line(event: Mapping[str, Any]) -> str:
    """Return the event in words, without repetition."""
    from receiver.model.incident.event import heading

    words = heading(event["kind"], event["text"])
    return f"{words}: {event['text']}" if words else str(event["text"])


def _paged(page: Mapping[str, Any]) -> str:
    return page["person"] if page["person"] == page["contact"] else f"{page['person']} ({page['contact']})"


def _delivery(page: Mapping[str, Any]) -> str:
    """Return the delivery state of a page, as in the console and Slack; an older service has none."""
    state = page.get("delivery") or page["status"]
    return f"{state} (no longer needed)" if state == "cancelled" else str(state)


def _next_line(following: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    return [("next", f"{following['at']} {', '.join(following['contacts'])}")] if following else []


def alert_lines(items: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return the texts of the first firing alerts: description, labels that differ between them, values."""
    from receiver.model.alert.annotations import description_of, values_of

    firing = [one for one in items if one["status"] == "firing"][:ALERTS_SHOWN]
    common = set.intersection(*(set(one["labels"].items()) for one in firing)) if firing else set()
    lines = []
    for one in firing:
        own = {name: text for name, text in one["labels"].items() if (name, text) not in common}
        pairs = ", ".join(f"{name}={text}" for name, text in {**own, **values_of(one["annotations"])}.items())
        said = "; ".join(part for part in (description_of(one["annotations"]), pairs) if part)
        lines += [("firing", f"{one['labels'].get('alertname', 'unnamed alert')}: {said}")] if said else []
    shared = ", ".join(f"{name}={text}" for name, text in sorted(common) if name != "alertname")
    return [*lines, *([("labels", shared)] if shared else [])]


def receipt_line(one: Mapping[str, Any]) -> str:
    """Return the text of one receipt: time, recipient, outcome, the vendor's id and response, attempts."""
    to = f" to {one['to']}" if one.get("to") else ""
    ref = f", id {one['ref']}" if one.get("ref") else ""
    why = str(one.get("cancelled") or "").replace("_", " ")
    said = "; ".join([*(str(one[name]) for name in ("detail", "warning") if one.get(name)), *([why] if why else [])])
    attempts = one.get("attempts") or 1
    tries = f", attempt {attempts}" if attempts > 1 else ""
    action = one.get("action") or "-"
    return f"{one['at']} {one['channel']} {action}{to} {one['outcome']}{tries}{ref}{f': {said}' if said else ''}"


def titled(incident: Mapping[str, Any]) -> str:
    """Return the title of an incident, with a mark if it is a drill."""
    return f"{'DRILL ' if incident.get('drill') else ''}{incident['title']}"
