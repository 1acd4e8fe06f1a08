"""`receiver simulate`: shows the effect of notifications or alert rules; nothing is stored and nothing is sent."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from receiver.cli.decision_view import decision_lines
from receiver.cli.service_client import UNREACHED, plain

if TYPE_CHECKING:
    from receiver.config import Config

Payload = Annotated[Path | None, typer.Argument(metavar="PAYLOAD.json", help="A captured Alertmanager webhook body.")]


def simulate(
    payload: Payload = None,
    config: Annotated[Path | None, typer.Option("--config", help="Configuration; default: the built-in one.")] = None,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="Simulate this time (RFC 3339); default: now.")] = "",
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    alertmanager: Annotated[
        str, typer.Option("--alertmanager", metavar="URL", help="A running Alertmanager: simulate its alerts.")
    ] = "",
    receiver: Annotated[
        str, typer.Option("--receiver", metavar="NAME", help="Only alerts that Alertmanager sends to this receiver.")
    ] = "",
    rules: Annotated[
        Path | None, typer.Option("--prometheus-rules", metavar="F", help="Alert rules: show the severity of each.")
    ] = None,
    severity_rules: Annotated[
        Path | None, typer.Option("--rules", metavar="F", help="Severity rules; default: the configuration's.")
    ] = None,
    label: Annotated[
        list[str], typer.Option("--label", metavar="K=V", help="A label of the series; may be repeated.")
    ] = [],  # noqa: B006
    bodies: Annotated[bool, typer.Option("--bodies", help="Also show the whole body of each message.")] = False,
) -> None:
    """Dry run: show severity, reason, deduplication key, who would be paged when, and what each channel would send."""
    if [payload is not None, bool(alertmanager), rules is not None].count(True) != 1:
        _stop_usage("write one of: PAYLOAD.json, --alertmanager URL, --prometheus-rules F")
    if form not in ("text", "json"):
        _stop_usage(f"{form}: no such format (write text or json)")
    now, loaded = _time(at), _load(config, severity_rules)
    if payload is not None:
        outcome = _of_payload(loaded, payload, now)
        words = _words(outcome, bodies=bodies)
    elif rules is not None:
        from receiver.cli.service_client import pairs

        outcome = _of_rules(loaded, rules, pairs(label, "a label"))
        words = _rules_words(outcome)
    else:
        outcome = _of_alertmanager(loaded, alertmanager, receiver, now)
        words = _groups_words(outcome, bodies=bodies)
    typer.echo(json.dumps(outcome, ensure_ascii=False, indent=2) if form == "json" else words)


def _stop_usage(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(2) from None


def _time(text: str) -> datetime:
    from receiver.clock import Clock

    try:
        now = datetime.fromisoformat(text) if text else Clock().now()
    except ValueError:
        _stop_usage(f"{text}: not a time (write it as 2026-11-23T14:02:00Z)")
    return now.replace(tzinfo=now.tzinfo or UTC).astimezone(UTC)


def _load(config: Path | None, severity_rules: Path | None) -> Config:
    from receiver.config import ConfigError, load
    from receiver.config.loader.config_loader import load_rules_file

    try:
        loaded = load(config, os.environ)
        return (
            loaded if severity_rules is None else loaded.model_copy(update={"rules": load_rules_file(severity_rules)})
        )
    except ConfigError as error:
        _refuse(error)


def _refuse(error: Any) -> NoReturn:
    for problem in error.problems:
        typer.echo(str(problem), err=True)
    raise typer.Exit(1) from None


def _of_payload(config: Config, payload: Path, now: datetime) -> dict[str, Any]:
    from receiver.model.alert.alert import BadNotification, parse_notification
    from receiver.pipeline.whatif.dry_run import dry_run

    try:
        notification = parse_notification(payload.read_bytes())
    except OSError as error:
        typer.echo(f"{payload}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    except BadNotification as error:
        typer.echo(f"{payload}: {error.detail}", err=True)
        raise typer.Exit(1) from None
    return dry_run(_setting(config), notification, now)


def _of_alertmanager(config: Config, url: str, receiver: str, now: datetime) -> dict[str, Any]:
    import asyncio

    from receiver.pipeline.whatif.dry_run import dry_run, notification_of_group
    from receiver.sources.alertmanager import Address, Alertmanager, Group
    from receiver.sources.http_client import SourceClient, SourceError

    if not url.startswith(("http://", "https://")):
        typer.echo(f"{plain(url)}: not an http or https URL (write http://127.0.0.1:9093)", err=True)
        raise typer.Exit(2)

    async def ask() -> list[Group]:
        source_client = SourceClient()
        try:
            return await Alertmanager(source_client, [Address(url)]).groups()
        finally:
            await source_client.close()

    try:
        found = asyncio.run(ask())
    except SourceError as error:
        typer.echo(f"{plain(url)} cannot be queried: {error}", err=True)
        raise typer.Exit(UNREACHED) from None
    setting = _setting(config)
    groups = []
    for group in found:
        if receiver and group.receiver != receiver:
            continue
        said, quiet = notification_of_group(group)
        entry = {"receiver": group.receiver, "labels": dict(group.labels), "silenced": quiet}
        groups.append({**entry, **(dry_run(setting, said, now) if said is not None else {"incidents": []})})
    return {"groups": groups}


def _of_rules(config: Config, file: Path, labels: dict[str, str]) -> dict[str, Any]:
    from receiver.config import ConfigError
    from receiver.config.alertmanager_file.alert_rules import alert_rules
    from receiver.config.loader.config_loader import read_file
    from receiver.triage.heartbeat_alerts import opens
    from receiver.triage.matchers import parse_matcher
    from receiver.triage.rules.possible_severities import spectrum
    from receiver.triage.rules.rule_set import RuleSet

    ruleset = RuleSet(config.rules)
    settings = config.ingest.watchdog
    watchdog = () if settings is None else tuple(parse_matcher(text) for text in settings.matchers)
    try:
        found, notes = alert_rules(read_file(file), str(file))
    except ConfigError as error:
        _refuse(error)
    for note in notes:
        typer.echo(plain(f"{note} [warning]"), err=True)
    items = []
    for rule in found:
        seen = spectrum(ruleset, {**labels, **rule.labels, "alertname": rule.name}, rule.annotations)
        possible = [
            {**one.decision.model_dump(mode="json"), "from_value": one.value, "severity_label": one.given}
            for one in seen.possible
        ]
        items.append(
            {"alert": rule.name, "group": rule.group, "line": rule.line, "possible": possible,
             "unknown": list(seen.unknown), "opens": opens({**rule.labels, "alertname": rule.name}, watchdog)}
        )  # fmt: skip
    return {"rules_hash": ruleset.hash, "alerts": items}


def _setting(config: Config) -> Any:
    from receiver.active_config_builder import build_active_config, make_channels
    from receiver.channels.base import Http

    return build_active_config(config, make_channels(config, Http()))


def _words(outcome: dict[str, Any], *, bodies: bool) -> str:
    return _lines(_entries(outcome, bodies=bodies)) or "ignored (no alerts)"


def _entries(outcome: dict[str, Any], *, bodies: bool) -> list[str]:
    lines = []
    for entry in outcome["incidents"]:
        if "severity" not in entry:
            lines.append(f"{entry['outcome']} ({entry['reason']})")
            continue
        lines += [
            f"{entry['severity']}  {entry['title']}",
            *(f"  {what:<9} {text}" for what, text in decision_lines(entry["decision"])),
            f"  key       {entry['dedup_key']}",
        ]
        lines += _calls(entry)
        if entry["until"]:
            lines.append(f"  until     {entry['until']}")
        if entry["unreached"]:
            who = ", ".join(entry["unreached"])
            lines.append(f"  warning   no enabled channel sends messages to {who}, so they get no notifications")
        for message in entry["messages"]:
            lines.append(f"  send      {message['channel']} to {message['to']}")
            for request in message["requests"]:
                shown = json.dumps(request, ensure_ascii=False, indent=2).split("\n") if bodies else [_request(request)]
                lines += [f"            {line}" for line in shown]
    return lines


def _calls(entry: Mapping[str, Any]) -> list[str]:
    """Return a line for each page, and for each minute in which people are notified, in order of time."""
    at: dict[float, list[str]] = {}
    for page in entry["pages"]:
        line = f"  page      at minute {page['minute']:g}: {page['person']} ({page['contact']})"
        at.setdefault(page["minute"], []).append(line)
    told: dict[float, list[str]] = {}
    for one in entry["told"]:
        told.setdefault(one["minute"], []).append(one["person"])
    for minute, people in told.items():
        at.setdefault(minute, []).append(f"  notify    at minute {minute:g}: {', '.join(people)}")
    return [line for minute in sorted(at) for line in at[minute]]


def _request(request: Mapping[str, Any]) -> str:
    # The subject of an email, or the address of a request: bodies have up to 10 KB.
    where = f"{request.get('method', 'POST')} {request['url']}" if "url" in request else request.get("subject")
    return str(where or "(--bodies shows it)")[:160]


def _groups_words(outcome: dict[str, Any], *, bodies: bool) -> str:
    lines = []
    for group in outcome["groups"]:
        named = ", ".join(f"{name}={value}" for name, value in sorted(group["labels"].items()))
        quiet = f", {group['silenced']} suppressed by a silence or an inhibition" if group["silenced"] else ""
        lines += [
            f"to {group['receiver']}: {{{named}}}{quiet}",
            *(f"  {line}" for line in _entries(group, bodies=bodies)),
        ]
    return _lines(lines) or "no alert fires there"


def _rules_words(outcome: dict[str, Any]) -> str:
    lines = []
    for item in outcome["alerts"]:
        if item["opens"] != "incident":
            lines.append(f"{item['alert']:<32} {item['opens']}, opens no incident")
            continue
        for number, one in enumerate(item["possible"]):
            name = item["alert"] if not number else ""
            value = f" from {one['from_value']:g} on" if one["from_value"] else ""
            value += "" if one["severity_label"] is None else " (known only when it fires)"
            lines.append(f"{name:<32} {one['severity']}  by {one['rule']}{value}: {'; '.join(one['reasons'])}")
        if item["unknown"]:
            lines.append(f"{'':<32} not known before it fires: {', '.join(item['unknown'])}")
    return _lines(lines) or "no alert rules"


def _lines(lines: list[str]) -> str:
    return "\n".join(plain(line) for line in lines)
