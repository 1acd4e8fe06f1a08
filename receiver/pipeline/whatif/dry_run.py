"""Dry runs: what a notification would cause, with nothing stored and nothing sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from receiver.incident.alerts.notification_decision import on_notification
from receiver.incident.log.notification_outcome import IntakeDecision, KeyState
from receiver.incident.paging.page_hours import queued_until
from receiver.incident.paging.policy import Policy
from receiver.incident.whatif.escalation_forecast import forecast
from receiver.incident.whatif.rule_replay import RuleReplay, difference
from receiver.model.alert.alert import Notification, receiver_as_sent
from receiver.model.base import rfc3339, to_ms
from receiver.model.incident.policy_snapshot import ContactMethod
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.notification_parts import judged
from receiver.pipeline.outbox.alert_lines import alert_lines
from receiver.pipeline.outbox.notices import inform_notice, page_notice
from receiver.pipeline.outbox.outbox_rows import outbox_rows
from receiver.sources.alertmanager import Group
from receiver.store.due.due_set import LeasedRow


def dry_run(setting: ActiveConfig, notification: Notification, now: datetime) -> dict[str, Any]:
    """Return what would happen with an empty store, as JSON: `incidents` has an entry for each incident."""
    made = []
    for part in judged(notification, setting):
        verdict = on_notification(part, KeyState("", None, {}, {}, {}), setting.policy, "simulated", now)
        entry: dict[str, Any] = {"outcome": verdict.outcome, "reason": verdict.reason, "dedup_key": part.key}
        if verdict.incident is not None:
            entry |= _opened(setting, verdict, now)
        made.append(entry)
    # As in the webhook's answer: if labels split a notification, the most severe incident represents it.
    foremost = min(made, key=lambda entry: str(entry.get("severity", "SEV-9")), default={})
    return {"at": rfc3339(now), **foremost, "incidents": made}


def replay_history(
    came: Iterable[tuple[datetime, Notification]], old: ActiveConfig, new: ActiveConfig
) -> dict[str, Any]:
    """Return the differences under `new`, as JSON; `came`: the notifications in chronological order."""
    lives = RuleReplay(old.policy), RuleReplay(new.policy)
    count, since, until = 0, None, None
    for at, notification in came:
        count, since, until = count + 1, since or at, at
        for life, setting in zip(lives, (old, new), strict=True):
            for part in judged(notification, setting):
                life.see(part, at)
    made = difference(lives[0].end(), lives[1].end())
    span = {"from": rfc3339(since) if since else None, "until": rfc3339(until) if until else None}
    return {"old_rules": old.rules.hash, "new_rules": new.rules.hash, **span, "notifications": count, **made}


def notification_of_group(group: Group) -> tuple[Notification | None, int]:
    """Return the notification that Alertmanager would send for a group, and how many of its alerts are muted.

    None if all of them are muted.
    """
    alerts = [
        {
            "status": "firing", "labels": dict(one.labels), "annotations": dict(one.annotations),
            "startsAt": one.starts_at, "generatorURL": one.generator_url, "fingerprint": one.fingerprint,
        }
        for one in group.alerts if not one.held
    ]  # fmt: skip
    quiet = len(group.alerts) - len(alerts)
    if not alerts:
        return None, quiet
    key = ", ".join(f"{name}={json.dumps(value)}" for name, value in sorted(group.labels.items()))
    said = Notification.model_validate(
        {
            "version": "4", "groupKey": f"{{}}:{{{key}}}", "receiver": receiver_as_sent(group.receiver),
            "status": "firing", "alerts": alerts, "groupLabels": dict(group.labels),
            "commonLabels": _shared([one["labels"] for one in alerts]),
            "commonAnnotations": _shared([one["annotations"] for one in alerts]),
        }
    )  # fmt: skip
    return said, quiet


def _shared(bags: Sequence[Any]) -> dict[str, str]:
    return dict(set.intersection(*(set(bag.items()) for bag in bags)))


def _opened(setting: ActiveConfig, verdict: IntakeDecision, now: datetime) -> dict[str, Any]:
    incident = verdict.incident
    assert incident is not None  # noqa: S101  (the caller looked)
    policy = setting.policy.of(incident)
    calls = forecast(incident, tuple(verdict.events), policy)
    pages = [
        {"minute": call.minute, "step": call.step, "contact": call.contact, "person": call.person,
         "channel": call.channel}
        for call in calls if call.way is ContactMethod.PAGE
    ]  # fmt: skip
    told = [{"minute": call.minute, "person": call.person} for call in calls if call.way is ContactMethod.NOTIFY]
    escalation = policy.directory.escalation(incident.severity)
    people = dict.fromkeys(call.person for call in calls if call.way is ContactMethod.NOTIFY)
    unreached = [name for name in people if not _reaches(setting, policy, name)]
    return {
        "team": incident.team, "team_reason": incident.team_reason,
        "severity": incident.severity, "title": incident.title, "service": incident.service,
        "decision": incident.decision.model_dump(mode="json") | {"owner": incident.team_reason}, "pages": pages,
        "notified": list(incident.notified), "told": told, "unreached": unreached,
        "pages_wait_until": rfc3339(waits) if (waits := queued_until(incident)) else None,
        "until": str(escalation.until) if escalation else None, "messages": _messages(setting, verdict, now),
    }  # fmt: skip


def _reaches(setting: ActiveConfig, policy: Policy, person: str) -> bool:
    # A message reaches a person at their own address, or in a channel that others read; a log alone is not one.
    card = policy.directory.people.get(person)
    if card is None or any(card.address(channel, kind) for channel, kind in policy.letters):
        return card is not None
    rooms = {to.channel for to in policy.informs}
    return any(setting.channels[name].wakes or card.address(name, setting.channels[name].kind) for name in rooms)


def _messages(setting: ActiveConfig, verdict: IntakeDecision, now: datetime) -> list[dict[str, Any]]:
    incident = verdict.incident
    assert incident is not None  # noqa: S101
    bodies = {name: {"labels": a.labels, "annotations": a.annotations} for name, a in verdict.bodies.items()}
    lines = alert_lines(verdict.records, bodies)
    messages = []
    for row in outbox_rows(incident, verdict.events, setting):
        claimed = LeasedRow(row.member, "", incident.uid, row.to, 0, row.last, 1, 0, to_ms(now), {})
        if row.to.paging:
            notice = page_notice(claimed, incident, setting, now)
            if notice is not None and not incident.private:
                notice = notice.model_copy(update={"alerts": tuple(lines)})
        else:
            notice = inform_notice(claimed, incident, verdict.events, lines, setting, now)
        if notice is not None:
            requests = setting.channels[row.to.channel].preview(notice)
            to = notice.page.person if notice.page else row.to.address
            messages.append({"channel": row.to.channel, "to": to, "requests": requests})
    return messages
