"""Builds the incident of a page that is sent while the store is unavailable, from the notification alone."""

from __future__ import annotations

from datetime import datetime

from receiver.incident.alerts.alert_start import alerts_began
from receiver.incident.alerts.private_alerts import guarded_by_any
from receiver.incident.log.notification_outcome import NotificationPart
from receiver.incident.paging.policy import Policy
from receiver.incident.service_name import SERVICE_FROM, service_of
from receiver.incident.title import named
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.pipeline.outbox.alert_lines import SHOWN


def bare_incident(part: NotificationPart, page: Page, now: datetime, policy: Policy | None = None) -> Incident:
    """Return an incident that was never stored, for a page sent while the store is unavailable."""
    firing = [alert for alert in part.alerts if alert.firing]
    alert = min(firing, key=lambda a: (part.decisions[a.fingerprint].severity.rank, a.starts_at, a.fingerprint))
    decision = part.decisions[alert.fingerprint]
    shown = named(alert, firing, decision.severity, part.apart, part.receiver)
    started_at, estimated = alerts_began([alert], now)
    return Incident(
        uid="",
        key=part.key,
        keys=(part.key,),
        episode=0,
        title=policy.title(shown) if policy else shown.title,
        private=policy is not None and guarded_by_any(policy, (part.labels, *(a.labels for a in firing)), part.team)[0],
        severity=decision.severity,
        service=service_of(alert.labels, policy.service_from if policy else SERVICE_FROM),
        labels=dict(alert.labels),
        annotations=dict(alert.annotations),
        decision=decision,
        opened_at=now,
        started_at=started_at,
        estimated=estimated,
        firing=len(firing),
        names=tuple(dict.fromkeys(a.name for a in firing))[:SHOWN],
        pages=(page,),
        team=part.team,
        origin_team=part.team,
    )
