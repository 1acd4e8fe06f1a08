"""`receiver simulate`: what a notification would do, with nothing stored and nothing sent."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from receiver.cli.decision import decision_lines

if TYPE_CHECKING:
    from receiver.config import Config
    from receiver.incident.verdict import Verdict
    from receiver.pipeline.setting import Setting


def simulate(
    payload: Annotated[Path, typer.Argument(metavar="PAYLOAD.json", help="A captured body of Alertmanager's webhook.")],
    config: Annotated[Path | None, typer.Option("--config", help="Configuration; without one: the default.")] = None,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="As if it were then (RFC 3339); default now.")] = "",
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """Dry run: severity and why, deduplication key, who is paged when, and what each channel would send."""
    from receiver.clock import Clock
    from receiver.config import ConfigError, load
    from receiver.model.alert import BadNotification, parse_notification

    try:
        now = datetime.fromisoformat(at) if at else Clock().now()
    except ValueError:
        typer.echo(f"{at}: not a time (write it as 2026-11-23T14:02:00Z)", err=True)
        raise typer.Exit(2) from None
    now = now.replace(tzinfo=now.tzinfo or UTC).astimezone(UTC)
    try:
        notification = parse_notification(payload.read_bytes())
        loaded = load(config, os.environ)
    except OSError as error:
        typer.echo(f"{payload}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    except BadNotification as error:
        typer.echo(f"{payload}: {error.detail}", err=True)
        raise typer.Exit(1) from None
    except ConfigError as error:
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(1) from None
    outcome = dry_run(loaded, notification, now)
    typer.echo(json.dumps(outcome, ensure_ascii=False, indent=2) if form == "json" else _words(outcome))


def dry_run(config: Config, notification: Any, now: datetime) -> dict[str, Any]:
    """Return what would happen if nothing were known yet, as JSON: `incidents` has an entry for each."""
    from receiver.assembly import make_channels, make_setting
    from receiver.channels.base import Http
    from receiver.incident.lifecycle import on_notification
    from receiver.incident.verdict import View
    from receiver.model.base import rfc3339
    from receiver.pipeline.intake import judged

    setting = make_setting(config, make_channels(config, Http()))
    made = []
    for part in judged(notification, setting):
        verdict = on_notification(part, View("", None, {}, {}, {}), setting.policy, "simulated", now)
        entry: dict[str, Any] = {"outcome": verdict.outcome, "reason": verdict.reason, "dedup_key": part.key}
        if verdict.incident is not None:
            entry |= _opened(config, setting, verdict, now)
        made.append(entry)
    # As in the webhook's answer: when labels split a notification, the most severe incident speaks for it.
    foremost = min(made, key=lambda entry: str(entry.get("severity", "SEV-9")), default={})
    return {"at": rfc3339(now), **foremost, "incidents": made}


def _opened(config: Config, setting: Setting, verdict: Verdict, now: datetime) -> dict[str, Any]:
    from receiver.incident.forecast import forecast
    from receiver.model.plan import Way

    incident = verdict.incident
    assert incident is not None  # noqa: S101  (the caller looked)
    calls = forecast(incident, tuple(verdict.events), setting.policy)
    pages = [
        {"minute": call.minute, "step": call.step, "contact": call.contact, "person": call.person,
         "channel": call.channel}
        for call in calls if call.way is Way.PAGE
    ]  # fmt: skip
    told = [{"minute": call.minute, "person": call.person} for call in calls if call.way is Way.NOTIFY]
    escalation = config.directory.escalation(incident.severity)
    return {
        "severity": incident.severity, "title": incident.title, "service": incident.service,
        "decision": incident.decision.model_dump(mode="json"), "pages": pages, "notified": list(incident.notified),
        "told": told,
        "until": str(escalation.until) if escalation else None, "messages": _messages(setting, verdict, now),
    }  # fmt: skip


def _messages(setting: Setting, verdict: Verdict, now: datetime) -> list[dict[str, Any]]:
    from receiver.model.base import to_ms
    from receiver.pipeline.intake import rows
    from receiver.pipeline.notices import alert_lines, inform_notice, page_notice
    from receiver.store.due import Claimed

    incident = verdict.incident
    assert incident is not None  # noqa: S101
    bodies = {name: {"labels": a.labels, "annotations": a.annotations} for name, a in verdict.bodies.items()}
    lines = alert_lines(verdict.records, bodies)
    messages = []
    for row in rows(incident, verdict.events, setting):
        claimed = Claimed(row.member, "", incident.uid, row.to, 0, row.last, 1, 0, to_ms(now), {})
        if row.to.paging:
            notice = page_notice(claimed, incident, setting, now)
            notice = notice.model_copy(update={"alerts": tuple(lines)}) if notice else None
        else:
            notice = inform_notice(claimed, incident, verdict.events, lines, setting, now)
        if notice is not None:
            requests = setting.channels[row.to.channel].preview(notice)
            to = notice.page.person if notice.page else row.to.address
            messages.append({"channel": row.to.channel, "to": to, "requests": requests})
    return messages


def _words(outcome: dict[str, Any]) -> str:
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
    return "\n".join("".join(c if c.isprintable() else " " for c in line) for line in lines) or "ignored (no alerts)"
