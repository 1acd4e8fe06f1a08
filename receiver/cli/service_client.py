"""Commands that talk to a running service: send-alert and incident."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPException
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

import typer

from receiver.cli.decision_text import decision_lines

LIMIT = 10.0
"""Seconds that the service may take to answer."""
UNREACHED = 3
ALERTS_SHOWN = 5
ELSEWHERE = "is receiver there? Name its address with --url or RECEIVER_URL"

Url = Annotated[str, typer.Option("--url", envvar="RECEIVER_URL", help="The service.")]
Token = Annotated[str, typer.Option("--token", envvar="RECEIVER_TOKEN", help="Its token.", show_default=False)]
AsJson = Annotated[str, typer.Option("--format", help="text or json.")]
HERE = "http://127.0.0.1:8080"

incidents = typer.Typer(no_args_is_help=True, help="Look at incidents, and work on them.")


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow nothing: a token goes where it was meant to, or nowhere."""


def ask(url: str, path: str, token: str, body: Any = None, method: str | None = None) -> Any:
    """Return the answer's JSON. Ends the command with 3 when nobody answers, and with 1 when the answer is no."""
    try:
        found = json.loads(fetch(url, path, token, body, method))
    except ValueError:
        typer.echo(f"{url} answers something that is not JSON ({ELSEWHERE})", err=True)
        raise typer.Exit(UNREACHED) from None
    if not isinstance(found, dict):
        return found
    answer = _Answer(found)
    answer.url = url
    return answer


def fetch(
    url: str, path: str, token: str, body: Any = None, method: str | None = None, accept: str = "application/json, */*"
) -> bytes:
    """Return the answer as it is; `body` is sent as JSON. Ends the command with 3 when nobody answers, 1 for a no."""
    if not url.startswith(("http://", "https://")):
        typer.echo(f"{url}: not an http or https URL (write {HERE})", err=True)
        raise typer.Exit(2)
    headers = {"Content-Type": "application/json", "Accept": accept}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = Request(url.rstrip("/") + path, data, headers, method=method)  # noqa: S310  (checked above)
    try:
        with build_opener(_NoRedirect).open(request, timeout=LIMIT) as answer:
            read: bytes = answer.read()
            return read
    except HTTPError as error:
        typer.echo(_refusal(error, url), err=True)
        raise typer.Exit(UNREACHED if error.code >= 500 else 1) from None
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        typer.echo(f"{url} cannot be reached: {reason} (start it with `receiver serve`, or name it in --url)", err=True)
        raise typer.Exit(UNREACHED) from None


def _refusal(error: HTTPError, url: str) -> str:
    """Return what the service says is wrong; where it is something else that answers, so."""
    try:
        detail = json.load(error).get("detail")
    except (OSError, HTTPException, ValueError, AttributeError):
        detail = None
    if not isinstance(detail, str):
        return f"{url} answers {error.code} {plain(str(error.reason))}, as receiver never does ({ELSEWHERE})"
    hint = " (name one with --token or RECEIVER_TOKEN)" if error.code == HTTPStatus.UNAUTHORIZED else ""
    return f"{error.code}: {plain(detail)}{hint}"


class _Answer(dict[str, Any]):
    """An answer of the service; what is missing in it shows that something else has answered."""

    url = ""

    def __missing__(self, key: str) -> Any:
        """End the command."""
        typer.echo(f"{self.url} answers without {key}, as receiver never does ({ELSEWHERE})", err=True)
        raise typer.Exit(UNREACHED)


def pairs(texts: list[str], what: str) -> dict[str, str]:
    """Return what `name=value` texts say, by name. Ends the command with 2 for another one."""
    found = {}
    for text in texts:
        name, mark, value = text.partition("=")
        if not (name and mark):
            typer.echo(f"{text}: no {what} (write name=value)", err=True)
            raise typer.Exit(2)
        found[name] = value
    return found


def send_alert(
    alertname: Annotated[str, typer.Option("--alertname", help="Its name.")] = "TestAlert",
    label: Annotated[list[str], typer.Option("--label", metavar="K=V", help="A label; may be repeated.")] = [],  # noqa: B006
    annotation: Annotated[list[str], typer.Option("--annotation", metavar="K=V", help="An annotation.")] = [],  # noqa: B006
    resolve: Annotated[bool, typer.Option("--resolve", help="Say that it has ended.")] = False,
    starts_at: Annotated[str, typer.Option("--starts-at", metavar="TIME", help="When it began; default now.")] = "",
    receiver: Annotated[str, typer.Option("--receiver", help="Alertmanager's receiver.")] = "incidents",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Post a well-formed notification of one alert, as Alertmanager would."""
    from receiver.clock import Clock
    from receiver.model.alert.alert import fingerprint
    from receiver.model.base import rfc3339

    now = rfc3339(Clock().now())
    labels = {"alertname": alertname, **pairs(label, "label")}
    notes = pairs(annotation, "annotation")
    status = "resolved" if resolve else "firing"
    group = json.dumps(alertname)
    answer = ask(
        url, "/webhooks/alertmanager", token,
        {
            "version": "4", "groupKey": f"{{}}:{{alertname={group}}}", "truncatedAlerts": 0, "status": status,
            "receiver": receiver, "groupLabels": {"alertname": alertname}, "commonLabels": labels,
            "commonAnnotations": notes, "externalURL": "",
            "alerts": [
                {
                    "status": status, "labels": labels, "annotations": notes, "startsAt": starts_at or now,
                    "endsAt": now if resolve else "0001-01-01T00:00:00Z", "generatorURL": "",
                    "fingerprint": fingerprint(labels),
                }
            ],
        },
    )  # fmt: skip
    typer.echo(f"{answer['outcome']}: {answer['incident'] or 'no incident'} {answer['severity'] or ''}".rstrip())


@incidents.command("list")
def list_incidents(
    open_only: Annotated[bool, typer.Option("--open", help="Only those that are not over.")] = False,
    severity: Annotated[str, typer.Option("--severity", help="SEV-1 .. SEV-4.")] = "",
    state: Annotated[str, typer.Option("--state", help="open, acknowledged, identified, monitoring ...")] = "",
    service: Annotated[str, typer.Option("--service", help="Only of this service.")] = "",
    queue: Annotated[bool, typer.Option("--queue", help="The queue: unowned first, then the oldest first.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many at most.")] = 100,
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """List incidents, newest first."""
    given = {
        "open": "true" if open_only else "", "severity": severity, "state": state, "service": service,
        "queue": "true" if queue else "", "limit": str(limit),
    }  # fmt: skip
    query = {name: text for name, text in given.items() if text}
    page = ask(url, f"/api/v1/incidents{'?' + urlencode(query) if query else ''}", token)
    if form == "json":
        typer.echo(json.dumps(page, ensure_ascii=False))
        return
    rows = [(i["id"], i["severity"], i["state"], i["opened_at"], i["service"] or "", titled(i)) for i in page["items"]]
    table(("id", "severity", "state", "opened", "service", "title"), rows)


@incidents.command("show")
def show_incident(
    number: Annotated[str, typer.Argument(metavar="INC", help="Its id, as INC-2026-0001.")],
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Show one incident with its timeline and what was delivered."""
    path = f"/api/v1/incidents/{quote(number, safe='')}"
    incident, timeline = ask(url, path, token), ask(url, f"{path}/timeline", token)
    if form == "json":
        typer.echo(json.dumps({**incident, "timeline": timeline}, ensure_ascii=False))
        return
    lines = [
        f"{incident['id']}  {incident['severity']}  {incident['state']}  {titled(incident)}",
        *(f"{what:<10} {text}" for what, text in decision_lines(incident["decision"])),
        f"alerts     {incident['alerts']['firing']} firing, {incident['alerts']['resolved']} resolved",
        *alert_lines(incident["alerts"].get("items", ())),
    ]
    events = timeline["items"] if isinstance(timeline, dict) else timeline
    lines += [f"page       {p['at']} {_paged(p)} {p['status']}" for p in incident["pages"]]
    lines += [f"receipt    {receipt_line(one)}" for one in incident["receipts"]]
    lines += [f"{e['at']}  {event_line(e)}" for e in events]
    for line in lines:
        typer.echo(plain(line))


def event_line(event: Mapping[str, Any]) -> str:
    """Return what happened, each thing said once."""
    from receiver.model.incident.event import heading

    words = heading(event["kind"], event["text"])
    return f"{words}: {event['text']}" if words else str(event["text"])


def _paged(page: Mapping[str, Any]) -> str:
    return page["person"] if page["person"] == page["contact"] else f"{page['person']} ({page['contact']})"


def alert_lines(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what the first firing alerts say: description, labels that differ between them, values."""
    from receiver.model.alert.annotations import description_of, values_of

    firing = [one for one in items if one["status"] == "firing"][:ALERTS_SHOWN]
    common = set.intersection(*(set(one["labels"].items()) for one in firing)) if firing else set()
    lines = []
    for one in firing:
        own = {name: text for name, text in one["labels"].items() if (name, text) not in common}
        pairs = ", ".join(f"{name}={text}" for name, text in {**own, **values_of(one["annotations"])}.items())
        said = "; ".join(part for part in (description_of(one["annotations"]), pairs) if part)
        lines += [f"firing     {one['labels'].get('alertname', 'unnamed alert')}: {said}"] if said else []
    shared = ", ".join(f"{name}={text}" for name, text in sorted(common) if name != "alertname")
    return [*lines, *([f"labels     {shared}"] if shared else [])]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows: as a table for people on a terminal, and else with tabs between the cells, without a head."""
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(plain(cell) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(*columns)
    for row in rows:
        made.add_row(*(Text(plain(cell)) for cell in row))
    Console().print(made)


def receipt_line(one: Mapping[str, Any]) -> str:
    """Return what was sent by one channel: when, to whom, how it went, the vendor's id and answer, attempts."""
    to = f" to {one['to']}" if one.get("to") else ""
    ref = f", id {one['ref']}" if one.get("ref") else ""
    why = str(one.get("cancelled") or "").replace("_", " ")
    said = "; ".join([*(str(one[name]) for name in ("detail", "warning") if one.get(name)), *([why] if why else [])])
    attempts = one.get("attempts") or 1
    tries = f", attempt {attempts}" if attempts > 1 else ""
    action = one.get("action") or "-"
    return f"{one['at']} {one['channel']} {action}{to} {one['outcome']}{tries}{ref}{f': {said}' if said else ''}"


def titled(incident: Mapping[str, Any]) -> str:
    """Return the title of an incident; that of a drill says so."""
    return f"{'DRILL ' if incident.get('drill') else ''}{incident['title']}"


def plain(text: str) -> str:
    """Return foreign text so that no escape sequence of it acts on a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)
