"""`receiver send-alert`: one alert, as Alertmanager would send it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from receiver.cli.service_client import HERE, Token, Url, ask, pairs

GROUP_BY = "alertname,service"
"""The defaults, as in the lines for Alertmanager that the service prints when it starts."""


def send_alert(
    alertname: Annotated[str, typer.Option("--alertname", help="Name of the alert.")] = "TestAlert",
    label: Annotated[list[str], typer.Option("--label", metavar="K=V", help="A label; may be repeated.")] = [],  # noqa: B006
    annotation: Annotated[list[str], typer.Option("--annotation", metavar="K=V", help="An annotation.")] = [],  # noqa: B006
    resolve: Annotated[
        bool, typer.Option("--resolve", help="Send the alert as resolved. Use the labels that it fired with.")
    ] = False,
    starts_at: Annotated[str, typer.Option("--starts-at", metavar="TIME", help="When it began; default: now.")] = "",
    receiver: Annotated[str, typer.Option("--receiver", help="Alertmanager's receiver.")] = "incidents",
    group_by: Annotated[
        str, typer.Option("--group-by", metavar="LABELS", help="`group_by` of Alertmanager's route.")
    ] = GROUP_BY,
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Post a notification for one alert, as Alertmanager would.

    The alert joins the incident of the same alert from Alertmanager if --receiver and --group-by match Alertmanager's
    route. Otherwise it opens a separate incident. The defaults match the alertmanager.yml that the service prints when
    it starts.
    """
    labels = {"alertname": alertname, **pairs(label, "a label")}
    notes = pairs(annotation, "an annotation")
    status = "resolved" if resolve else "firing"
    wanted = [name.strip() for name in group_by.split(",")]
    group = {name: labels[name] for name in sorted(labels) if name in wanted or wanted == ["..."]}
    # A separate key: pending work for the group of Alertmanager is not affected by this notification.
    key = f'{{}}/{{sender="send-alert"}}:{json.dumps(group, ensure_ascii=False)}'
    notification = {
        "version": "4", "groupKey": key, "truncatedAlerts": 0, "status": status,
        "receiver": receiver, "groupLabels": group, "commonLabels": labels,
        "commonAnnotations": notes, "externalURL": "", "alerts": [_alert(labels, notes, starts_at, resolve=resolve)],
    }  # fmt: skip
    typer.echo(outcome_text(ask(url, "/webhooks/alertmanager", token, notification), resolve=resolve))


def _alert(labels: dict[str, str], notes: dict[str, str], starts_at: str, *, resolve: bool) -> dict[str, Any]:
    from receiver.clock import Clock
    from receiver.model.alert.alert import fingerprint
    from receiver.model.base import rfc3339

    now = rfc3339(Clock().now())
    return {
        "status": "resolved" if resolve else "firing", "labels": labels, "annotations": notes,
        "startsAt": starts_at or now, "endsAt": now if resolve else "0001-01-01T00:00:00Z", "generatorURL": "",
        "fingerprint": fingerprint(labels),
    }  # fmt: skip


def outcome_text(answer: Mapping[str, Any], *, resolve: bool) -> str:
    """Return the outcome in words; `resolve`: whether the alert was sent as resolved."""
    outcome, incident = answer["outcome"], answer["incident"]
    if not resolve or outcome not in ("resolved", "updated", "ignored"):
        return f"{outcome}: {incident or 'no incident'} {answer['severity'] or ''}".rstrip()
    if incident is None:
        return "ignored: no open incident has this alert (give the name and the labels that it fired with)"
    until = answer.get("monitoring_until")
    if until:
        return f"{incident}: the alert has ended; monitoring until {datetime.fromisoformat(until):%H:%M} UTC"
    left = "resolve the incident manually" if outcome == "resolved" else "other alerts of the incident are still firing"
    return f"{incident}: the alert has ended; {left}"
