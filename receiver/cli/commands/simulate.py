"""`receiver simulate`: what notifications or alert rules would do, with nothing stored and nothing sent."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from receiver.cli.decision_text import decision_lines
from receiver.cli.service_client import UNREACHED, plain

if TYPE_CHECKING:
    from receiver.config import Config

Payload = Annotated[
    Path | None, typer.Argument(metavar="PAYLOAD.json", help="A captured body of Alertmanager's webhook.")
]


def simulate(
    payload: Payload = None,
    config: Annotated[Path | None, typer.Option("--config", help="Configuration; without one: the default.")] = None,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="As if it were then (RFC 3339); default now.")] = "",
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    alertmanager: Annotated[
        str, typer.Option("--alertmanager", metavar="URL", help="A running Alertmanager: what its alerts would do.")
    ] = "",
    receiver: Annotated[
        str, typer.Option("--receiver", metavar="NAME", help="Only what Alertmanager sends to this receiver.")
    ] = "",
    rules: Annotated[
        Path | None,
        typer.Option("--prometheus-rules", metavar="F", help="Alert rules: which severity each would get."),
    ] = None,
    severity_rules: Annotated[
        Path | None, typer.Option("--rules", metavar="F", help="Severity rules; default: the configuration's.")
    ] = None,
    label: Annotated[
        list[str], typer.Option("--label", metavar="K=V", help="A label that the series would have; may be repeated.")
    ] = [],  # noqa: B006
) -> None:
    """Dry run: severity and why, deduplication key, who is paged when, and what each channel would send."""
    from receiver.clock import Clock
    from receiver.config import ConfigError, load
    from receiver.config.loader.config_loader import load_rules_file

    if [payload is not None, bool(alertmanager), rules is not None].count(True) != 1:
        typer.echo("write one of: PAYLOAD.json, --alertmanager URL, --prometheus-rules F", err=True)
        raise typer.Exit(2)
    if form not in ("text", "json"):
        typer.echo(f"{form}: no such format (write text or json)", err=True)
        raise typer.Exit(2)
    try:
        now = datetime.fromisoformat(at) if at else Clock().now()
    except ValueError:
        typer.echo(f"{at}: not a time (write it as 2026-11-23T14:02:00Z)", err=True)
        raise typer.Exit(2) from None
    now = now.replace(tzinfo=now.tzinfo or UTC).astimezone(UTC)
    try:
        loaded = load(config, os.environ)
        if severity_rules is not None:
            loaded = loaded.model_copy(update={"rules": load_rules_file(severity_rules)})
    except ConfigError as error:
        _refuse(error)
    if payload is not None:
        outcome = _of_payload(loaded, payload, now)
        words = _words(outcome)
    elif rules is not None:
        from receiver.cli.service_client import pairs

        outcome = _of_rules(loaded, rules, pairs(label, "label"))
        words = _rules_words(outcome)
    else:
        outcome = _of_alertmanager(loaded, alertmanager, receiver, now)
        words = _groups_words(outcome)
    typer.echo(json.dumps(outcome, ensure_ascii=False, indent=2) if form == "json" else words)


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
        asking = SourceClient()
        try:
            return await Alertmanager(asking, [Address(url)]).groups()
        finally:
            await asking.close()

    try:
        found = asyncio.run(ask())
    except SourceError as error:
        typer.echo(f"{plain(url)} cannot be asked: {error}", err=True)
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


def _words(outcome: dict[str, Any]) -> str:
    return _lines(_entries(outcome)) or "ignored (no alerts)"


def _entries(outcome: dict[str, Any]) -> list[str]:
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
        lines += [
            f"  page      at minute {page['minute']:g}: {page['person']} ({page['contact']})" for page in entry["pages"]
        ]
        if entry["until"]:
            lines.append(f"  until     {entry['until']}")
        if entry["notified"]:
            lines.append(f"  inform    {', '.join(entry['notified'])}")
        for message in entry["messages"]:
            lines.append(f"  send      {message['channel']} to {message['to']}")
            lines += [f"            {json.dumps(request, ensure_ascii=False)}" for request in message["requests"]]
    return lines


def _groups_words(outcome: dict[str, Any]) -> str:
    lines = []
    for group in outcome["groups"]:
        named = ", ".join(f"{name}={value}" for name, value in sorted(group["labels"].items()))
        quiet = f", {group['silenced']} held back by a silence or an inhibition" if group["silenced"] else ""
        lines += [f"to {group['receiver']}: {{{named}}}{quiet}", *(f"  {line}" for line in _entries(group))]
    return _lines(lines) or "nothing fires there"


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
