"""Splits some alerts of an incident into a new incident. Pure.

The child's commit takes the alerts over and routes later notifications to the child. The parent removes them in a
commit of its own, which a timer of the child repeats until it succeeds. No one is paged: the person who splits has
acknowledged the child, and this acknowledgement expires like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from receiver.incident.alerts.monitored_incidents import begin_monitoring
from receiver.incident.log.alert_membership import counts
from receiver.incident.log.command_errors import IllegalCommand, ImpossibleCommand
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.paging.planned_pages import episode_of
from receiver.incident.paging.policy import Policy
from receiver.incident.service_name import service_of
from receiver.incident.title import named
from receiver.model.alert.alert import Alert
from receiver.model.base import from_ms
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.policy_snapshot import EscalationProgress
from receiver.model.incident.state import State
from receiver.model.severity import Decision

WATCHABLE = (State.OPEN, State.ACKNOWLEDGED, State.IDENTIFIED)


@dataclass(frozen=True)
class SplitAlerts:
    """The alerts that become a new incident, by fingerprint."""

    uid: str
    """Of the new incident."""
    names: Sequence[str]
    records: Mapping[str, AlertRecord]
    """All alert records of the original incident."""
    alerts: Mapping[str, Alert]
    decisions: Mapping[str, Decision]
    """The decisions of the firing alerts."""
    owners: Mapping[str, str]
    """The uids of the incidents that own the firing alerts."""

    @property
    def key(self) -> str:
        """The correlation key of the new incident."""
        return f"split:{self.uid}"

    @property
    def taken(self) -> dict[str, AlertRecord]:
        """The records of the alerts that are split off."""
        return {name: self.records[name] for name in self.names}


def split_incident(
    parent: Incident, part: SplitAlerts, title: str | None, policy: Policy, actor: Actor, now: datetime
) -> IntakeDecision:
    """Return the opening of an incident with the alerts in `part`, acknowledged by `actor`.

    Raises IllegalCommand, ImpossibleCommand.
    """
    _check(parent, part.names, part.records)
    incident = _child(parent, part, title, policy, now)
    draft = Transition(None, actor, now)
    text = f"split from {parent.label} by {actor.name} with {len(part.names)} alerts"
    data = {"alerts": list(incident.names), "from": parent.id}
    draft.open(incident, "split", text, data, policy.informs)
    draft.add(Kind.ACKNOWLEDGED, "split", f"acknowledged by {actor.name}", {"by": actor.name}, policy.informs)
    return IntakeDecision(
        Outcome.OPENED,
        "split",
        draft.incident,
        draft.events,
        records=part.taken,
        bodies={name: part.alerts[name] for name in part.names if name in part.alerts},
        owners={name: part.owners.get(name, "") for name in part.names if part.records[name].firing},
        pointers={part.key: ""},
    )


def _child(parent: Incident, part: SplitAlerts, title: str | None, policy: Policy, now: datetime) -> Incident:
    worst = min(
        (name for name in part.names if name in part.decisions),
        key=lambda name: (part.decisions[name].severity.rank, part.records[name].starts_ms),
    )
    chosen, decision = part.alerts[worst], part.decisions[worst]
    own = [part.alerts[name] for name in part.names if name in part.alerts]
    firing = [from_ms(record.starts_ms) for record in part.taken.values() if record.firing]
    totals = counts(None, part.taken)
    apart = {"alerts": " ".join(sorted(part.names))}
    return Incident(
        uid=part.uid,
        key=part.key,
        keys=(part.key,),
        episode=episode_of(firing),
        title=title or policy.title(named(chosen, own, decision.severity, apart)),
        severity=decision.severity,
        service=service_of(chosen.labels, policy.service_from),
        labels=dict(set.intersection(*(set(alert.labels.items()) for alert in own))),
        annotations=dict(chosen.annotations),
        decision=decision,
        opened_at=now,
        started_at=min(firing),
        private=parent.private,
        visible_to=parent.visible_to,
        plan=parent.plan,
        ladder=EscalationProgress(since=now),
        roles=parent.roles,
        split_from=parent.uid,
        drill=parent.drill,
        team=parent.team,
        origin_team=parent.origin_team,
        team_reason=parent.team_reason,
        **{name: tuple(value) if isinstance(value, list) else value for name, value in totals.items()},
    )


def _check(parent: Incident, names: Sequence[str], records: Mapping[str, AlertRecord]) -> None:
    if parent.state.over:
        raise IllegalCommand(parent, "split", f"it is {parent.state}: reopen it first", ("reopen",))
    if parent.storm or parent.held is not None:
        raise IllegalCommand(parent, "split", "it is a storm or held back")
    unknown = [name for name in names if name not in records]
    if unknown:
        raise ImpossibleCommand(
            f"{parent.label} has no alert {unknown[0][:100]} (its `alerts.items` have the fingerprints)"
        )
    if not any(records[name].firing for name in names):
        raise IllegalCommand(parent, "split", "none of these alerts is firing")
    if set(records) <= set(names):
        raise IllegalCommand(parent, "split", "at least one alert must stay", ("merge",))


def remove_split_alerts(
    parent: Incident, child: Incident, records: Mapping[str, AlertRecord], names: Sequence[str], policy: Policy,
    now: datetime,
) -> IntakeDecision:  # fmt: skip
    """Return how `parent` gives up the alerts `names`, which now belong to `child`."""
    left = {name: record for name, record in records.items() if name not in names}
    draft = Transition(parent, Actor(kind=ActorKind.TIMER, name="split"), now)
    gone = [name for name in names if name in records]
    data = counts(parent, left) | {"child": child.uid, "id": child.id}
    draft.add(Kind.SPLIT, "split", f"{len(gone)} of its alerts were moved to {child.label}", data, policy.informs)
    if not data["firing"] and parent.state in WATCHABLE and not parent.partial:
        minutes = policy.monitor_for.total_seconds() / 60
        text = f"all remaining alerts have ended; monitoring for {minutes:g} min"
        begin_monitoring(draft, policy, "all_alerts_ended", text)
    return IntakeDecision(Outcome.UPDATED, "split", draft.incident, draft.events, gone=gone)
