"""The timers of an incident: when each is due, and what it does then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from receiver.incident.alerts.joined_alerts import joined_alerts_due, notify_of_joined_alerts
from receiver.incident.alerts.maintenance_hold import maintenance_ends_at
from receiver.incident.context.recent_changes import changes_due
from receiver.incident.followup.action_item_reminders import action_items_due, remind_owners
from receiver.incident.followup.postmortem_commands import begin_postmortem, postmortem_due
from receiver.incident.log.event_log import Transition
from receiver.incident.paging.acknowledgement_expiry import acknowledgement_expires_at, on_acknowledgement_expired
from receiver.incident.paging.escalation_steps import escalate, on_response_missed, response_due, step_due
from receiver.incident.paging.personal_rules import page_further, personal_due
from receiver.incident.paging.policy import HOLD, Policy
from receiver.incident.paging.queued_pages import page_hours_due, page_queued
from receiver.incident.publication.customer_email_reminder import customer_email_due, remind_of_customer_email
from receiver.incident.publication.status_updates import publish_status_update, status_update_due
from receiver.incident.response.fix_verification import end_watch, verify_due, watch_ends
from receiver.incident.response.responder_reminders import (
    lower_severity_due,
    propose_lower_severity,
    remind,
    reminder_due,
)
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.incident import Incident
from receiver.model.severity import Severity

MONITOR = "monitor"
"""Name of the timer that ends the monitoring window."""
VERIFY = "verify"
STORM = "storm"
HAND_OVER = "hand_over"
LEAVE = "leave"
UNSILENCE = "unsilence"
MEASURE = "measure"
CHANGES = "changes"
RULE = "rule"
BUDGET = "budget"
SHELTER = "shelter"
PAGE_HOURS = "page_hours"

Due = Callable[[Incident, Policy], datetime | None]
Act = Callable[[Transition, Policy], None]


def _watched_enough(incident: Incident, policy: Policy) -> datetime | None:
    # With checks, they decide when monitoring ends (VERIFY), unless an alert fires.
    return watch_ends(incident, policy) if policy.verify_every is None or incident.firing else None


def _storm_due(incident: Incident, policy: Policy) -> datetime | None:
    # A storm that has ended releases the incidents that it still holds.
    return incident.opened_at if incident.storm else None


def _hand_over_due(incident: Incident, policy: Policy) -> datetime | None:
    return incident.closed_at if incident.merged else None


def _leave_due(incident: Incident, policy: Policy) -> datetime | None:
    return incident.opened_at if incident.split_from else None


def _unsilence_due(incident: Incident, policy: Policy) -> datetime | None:
    ended = incident.closed_at or incident.resolved_at
    return ended if incident.state.over and incident.silences else None


def measure_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return since when the queries of an incident are due; None if there are none, or its severity cannot rise."""
    if not policy.measures or incident.state.over or not incident.firing or incident.severity is Severity.SEV1:
        return None
    return incident.opened_at


def rule_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return since when the query for the `for` of the alert's rule is due; None: it is known, or not queried."""
    if not policy.rules_known or incident.fires_after is not None or incident.merged:
        return None
    if "alertname" not in incident.labels:
        return None
    return incident.resolved_at if incident.state.over else None


def budget_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return since when the query for the spent error budget is due; None: it is known, or not queried."""
    if incident.severity not in policy.asked_budgets or incident.spent is not None:
        return None
    if incident.merged or incident.drill or not incident.state.over:
        return None
    return incident.resolved_at


_TIMERS: dict[str, tuple[Due, Act | None]] = {
    MONITOR: (_watched_enough, end_watch),
    VERIFY: (verify_due, None),
    STORM: (_storm_due, None),
    HAND_OVER: (_hand_over_due, None),
    LEAVE: (_leave_due, None),
    UNSILENCE: (_unsilence_due, None),
    MEASURE: (measure_due, None),
    CHANGES: (changes_due, None),
    "escalate": (step_due, escalate),
    "answer": (lambda incident, policy: response_due(incident), on_response_missed),
    "lapse": (lambda incident, policy: acknowledgement_expires_at(incident), on_acknowledgement_expired),
    "personal": (personal_due, page_further),
    "join": (joined_alerts_due, notify_of_joined_alerts),
    "remind": (reminder_due, remind),
    "calm": (lower_severity_due, propose_lower_severity),
    "public": (status_update_due, publish_status_update),
    "review": (postmortem_due, begin_postmortem),
    "promises": (action_items_due, remind_owners),
    "letter": (customer_email_due, remind_of_customer_email),
    RULE: (rule_due, None),
    BUDGET: (budget_due, None),
    PAGE_HOURS: (page_hours_due, page_queued),
    SHELTER: (lambda incident, policy: maintenance_ends_at(incident), None),
}
"""Each timer by its name: when it is due, and the function that returns its events. Every commit sets all timers.

If there is no such function, the pipeline queries another system first (`TimerRunner.incident_timers`)."""


def timers(incident: Incident, policy: Policy) -> dict[str, datetime | None]:
    """Return when each of the incident's timers is due; None: it is not set."""
    return {name: due(incident, policy) for name, (due, _) in _TIMERS.items()}


def on_timer(name: str, incident: Incident, policy: Policy, now: datetime) -> Transition | None:
    """Return the events of a due timer; None if the state has changed and there is nothing to do."""
    when, act = _TIMERS.get(name, (None, None))
    due = when(incident, policy) if when is not None else None
    if due is None or now < due or act is None:
        return None
    draft = Transition(incident, Actor(kind=ActorKind.TIMER, name=name), now)
    act(draft, policy)
    return draft if draft.events else None


def held_until(now: datetime) -> datetime:
    """Return when a held incident is checked again."""
    return now + HOLD
