"""Splits a notification into parts: one for each correlation key, with the decisions of the rules. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from receiver.incident.log.notification_outcome import NotificationPart
from receiver.incident.service_name import service_of
from receiver.incident.store_outage.emergency_pages import PAGED
from receiver.model.alert.alert import Alert, Notification
from receiver.model.alert.sender import Sender
from receiver.model.alert.severity_unknowns import SeverityUnknown
from receiver.model.severity import Decision, Severity
from receiver.pipeline.active_config import ActiveConfig
from receiver.triage.correlation import GROUP, digest, family, split_by_key, team_key
from receiver.triage.heartbeat_alerts import is_no_alarm
from receiver.triage.rules.rule_set import Answers, Unknown
from receiver.triage.safe_text import quoted


class OwnedAlerts(NamedTuple):
    """The alerts of one correlation key, the team that owns them, and why."""

    team: str
    why: str
    alerts: list[Alert]


NAME = 200
"""Maximum number of characters of a Watchdog's name, which is built from its labels."""


def living(notification: Notification, setting: ActiveConfig) -> tuple[list[Alert], frozenset[str]]:
    """Return the alerts of a notification that may open an incident, and the names of its Watchdogs.

    A name consists of the labels that distinguish one Watchdog from another; it is empty without such labels.
    """
    alive, beating = [], []
    for alert in notification.alerts:
        labels = alert.labels
        if setting.beats(labels):
            if alert.firing:
                beating.append(labels)
        elif not is_no_alarm(labels):
            alive.append(alert)
    return alive, frozenset(_called(labels, setting.watchdogs_by) for labels in beating)


def _called(labels: Mapping[str, str], by: Sequence[str]) -> str:
    return " ".join(f"{name}={quoted(labels.get(name, ''))}" for name in by)[:NAME]


def judged(notification: Notification, setting: ActiveConfig) -> list[NotificationPart]:
    """Return the parts of a notification without its Watchdogs."""
    alive, _ = living(notification, setting)
    return parts_of(notification, alive, setting) if alive else []


def may_page(notification: Notification, setting: ActiveConfig) -> tuple[bool, Severity | None]:
    """Return whether a notification concerns pages, and the worst severity of its firing alerts.

    It does if an alert is a SEV-1 or SEV-2 by the rules, or a Watchdog: if a Watchdog is refused for long, it pages,
    too.
    """
    alive, beating = living(notification, setting)
    firing = [alert for alert in alive if alert.firing]
    worst = min(
        (one.severity for one in setting.rules.decide(firing, partial=notification.truncated > 0)),
        key=lambda one: one.rank,
        default=None,
    )
    return bool(beating) or worst in PAGED, worst


def parts_of(
    notification: Notification,
    alerts: Sequence[Alert],
    setting: ActiveConfig,
    *,
    released: bool = False,
    asked: Mapping[str, Answers] | None = None,
    heard_since: datetime | None = None,
    members: Mapping[str, OwnedAlerts] | None = None,
) -> list[NotificationPart]:
    """Return the parts of a notification, one for each correlation key; `members`: of `owned_alerts`, if known."""
    if members is None:
        members = owned_alerts(notification, alerts, setting)
    firing = [alert for alert in alerts if alert.firing]
    examined = setting.rules.examine(firing, asked, partial=notification.truncated > 0)
    decided = {a.fingerprint: one for a, one in zip(firing, examined, strict=True)}
    shared = _shared_families(members, setting)
    return [
        NotificationPart(
            key=key,
            group=group_of(notification, key),
            receiver=notification.receiver,
            truncated=notification.truncated,
            alerts=own,
            decisions={a.fingerprint: decided[a.fingerprint].decision for a in own if a.firing},
            unknowns=[u for a in own if a.firing for u in _unsure(a, decided[a.fingerprint].unknowns, setting, team)],
            team=team,
            team_reason=why if setting.owners.names else "",
            labels=notification.common_labels,
            annotations=notification.common_annotations,
            released=released,
            heard_since=heard_since,
            apart=_apart(notification, own, setting, team if family(key) in shared else ""),
            sender=notification.sender,
        )
        for key, (team, why, own) in members.items()
    ]


def owned_alerts(notification: Notification, alerts: Sequence[Alert], setting: ActiveConfig) -> dict[str, OwnedAlerts]:
    """Return the alerts by correlation key: those of one group that one team owns.

    The store determines the team of an alert that already fires: it stays with its first team.
    """
    members = split_by_key(notification, setting.correlate_by, alerts)
    if not setting.owners.names:
        return {key: OwnedAlerts("", "", own) for key, own in members.items()}
    made: dict[str, OwnedAlerts] = {}
    for key, own in members.items():
        teams: dict[str, OwnedAlerts] = {}
        for alert, owner in zip(own, setting.owners.owners([one.labels for one in own]), strict=True):
            part = teams.get(owner.team)
            if part is None:
                part = teams[owner.team] = OwnedAlerts(owner.team, owner.why, [])
                made[team_key(key, owner.team)] = part
            part.alerts.append(alert)
    return made


def _shared_families(members: Mapping[str, OwnedAlerts], setting: ActiveConfig) -> set[str]:
    """Return the key families that several teams share."""
    counts = Counter(map(family, members)) if setting.owners.names else Counter[str]()
    return {name for name, count in counts.items() if count > 1}


def _apart(notification: Notification, members: Sequence[Alert], setting: ActiveConfig, team: str) -> dict[str, str]:
    # `team`: the owner, where other teams own alerts of the same group; it distinguishes their incidents.
    grouped = notification.group_labels if GROUP in setting.correlate_by else {}
    named = {name: members[0].labels[name] for name in setting.correlate_by if name in members[0].labels}
    return grouped | named | ({"team": team} if team else {})


def divided(part: NotificationPart, away: Mapping[str, str], shared: Collection[str] = ()) -> list[NotificationPart]:
    """Return a part for each key to which alerts of `part` were split off (`away`), and last the rest, if any.

    `shared`: those of them that the rest includes as well.
    """
    made: list[NotificationPart] = []
    for key in (*dict.fromkeys(away.values()), part.key):
        kept = shared if key == part.key else ()
        alerts = [a for a in part.alerts if away.get(a.fingerprint, part.key) == key or a.fingerprint in kept]
        if not alerts:
            continue
        names = {alert.fingerprint for alert in alerts}
        group = part.group if key == part.key else hashlib.sha256(f"{part.group} {key}".encode()).hexdigest()[:32]
        decisions = {name: one for name, one in part.decisions.items() if name in names}
        # Values that the rules could not use are reported once, regardless of the number of parts.
        unknowns = () if made else part.unknowns
        made.append(replace(part, key=key, group=group, alerts=alerts, decisions=decisions, unknowns=unknowns))
    return made


def released(group: str, text: str, setting: ActiveConfig) -> NotificationPart:
    """Return the part that was held for `group`, with the decisions of the current rules."""
    held = orjson.loads(text)
    alerts = held_alerts(text)
    decisions: dict[str, Decision] = dict(
        zip((a.fingerprint for a in alerts), setting.rules.decide(alerts, partial=held["truncated"] > 0), strict=True)
    )
    return NotificationPart(
        key=held["key"],
        group=group,
        receiver=held["receiver"],
        truncated=held["truncated"],
        alerts=alerts,
        decisions=decisions,
        labels=held["labels"],
        annotations=held["annotations"],
        released=True,
        apart=held.get("apart", {}),
        sender=Sender(str(held.get("sender", ""))),
        team=held.get("team", ""),
        team_reason=held.get("team_reason", ""),
    )


def held_alerts(text: str) -> list[Alert]:
    """Return the held alerts; those that only a later version can read are left out."""
    found: list[Alert] = []
    held: Any = None
    with suppress(ValueError):
        held = orjson.loads(text)
    listed = held.get("alerts") if isinstance(held, dict) else None
    for item in listed if isinstance(listed, list) else ():
        with suppress(ValueError):
            found.append(Alert.model_validate(item))
    return found


def held_text(part: NotificationPart, alerts: Sequence[Alert]) -> str:
    """Return the stored form of held `alerts` of a part; `released` reads it."""
    return orjson.dumps(
        {
            "key": part.key,
            "receiver": part.receiver,
            "truncated": part.truncated,
            "labels": dict(part.labels),
            "annotations": dict(part.annotations),
            "apart": dict(part.apart),
            "sender": part.sender.name,
            "team": part.team,
            "team_reason": part.team_reason,
            "alerts": [alert.model_dump(mode="json") for alert in alerts],
        }
    ).decode()


def digest_of(notification: Notification, alerts: Sequence[Alert], setting: ActiveConfig) -> str:
    """Return the digest by which a repetition of `alerts` under the same rules is recognized."""
    rules = setting.rules
    return digest(alerts, truncated=notification.truncated > 0, rules_hash=rules.hash, values=rules.values_read)


def group_of(notification: Notification, key: str) -> str:
    """Return the name of a notification's group within one correlation key: 32 hexadecimal digits.

    A restricted sender has separate groups, so that it replaces no notification of another sender.
    """
    text = orjson.dumps([notification.receiver, notification.group_key, key, *notification.sender.mark])
    return hashlib.sha256(text).hexdigest()[:32]


def _unsure(alert: Alert, unknowns: Sequence[Unknown], setting: ActiveConfig, team: str) -> Sequence[SeverityUnknown]:
    unowned = bool(setting.owners.names) and not team
    if not unknowns and not setting.components and not unowned:
        return ()
    name, where = alert.labels.get("alertname", ""), alert.generator_url
    found = [SeverityUnknown(name, one.kind, one.text, where) for one in unknowns]
    if unowned:
        read = ", ".join(f"{name}={quoted(alert.labels.get(name, ''))}" for name in setting.owners.labels)
        found.append(SeverityUnknown(name, "team", f"no team owns it: {read}"[:300], where))
    service = service_of(alert.labels, ("service",))
    if service and setting.components:
        known = any(all(matcher.matches(alert.labels) for matcher in item) for item in setting.components)
        if not known:
            told = f"no status-page component matches service {quoted(service)}"
            found.append(SeverityUnknown(name, "service", told, where))
    return found
