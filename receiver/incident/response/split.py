"""One incident that is two: some of its alerts become an incident of their own. Pure.

The child's commit takes the alerts and makes them come to it from now on; the parent lets them go in a commit of its
own, which a timer of the child repeats until it is done. Nobody is paged: whoever splits has it, and the
acknowledgement is a lease as any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from receiver.incident.alerts.monitored_incidents import begin_monitoring
from receiver.incident.log.alert_membership import counts
from receiver.incident.log.command_errors import IllegalCommand, ImpossibleCommand
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.paging.recipients import Policy, episode_of
from receiver.incident.service_name import service_of
from receiver.incident.title import named
from receiver.model.alert.alert import Alert
from receiver.model.base import from_ms
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import AlertRecord, Incident, State
from receiver.model.incident.policy_snapshot import EscalationProgress
from receiver.model.severity import Decision

WATCHABLE = (State.OPEN, State.ACKNOWLEDGED, State.IDENTIFIED)


def split_incident(
    parent: Incident,
    names: Sequence[str],
    title: str | None,
    records: Mapping[str, AlertRecord],
    alerts: Mapping[str, Alert],
    decisions: Mapping[str, Decision],
    owners: Mapping[str, str],
    policy: Policy,
    actor: Actor,
    uid: str,
    now: datetime,
) -> IntakeDecision:
    """Return the opening of an incident of the alerts `names`, acknowledged by who splits.

    `alerts` are theirs, `decisions` those of the firing ones, `owners` who holds these. Raises Illegal, Impossible.
    """
    _check(parent, names, records)
    worst = min(
        (name for name in names if name in decisions),
        key=lambda name: (decisions[name].severity.rank, records[name].starts_ms),
    )
    chosen, decision = alerts[worst], decisions[worst]
    own = [alerts[name] for name in names if name in alerts]
    taken = {name: records[name] for name in names}
    firing = [from_ms(record.starts_ms) for record in taken.values() if record.firing]
    totals = counts(None, taken)
    key = f"split:{uid}"
    incident = Incident(
        uid=uid,
        key=key,
        keys=(key,),
        episode=episode_of(firing),
        title=title or policy.title(named(chosen, own, decision.severity, {"alerts": " ".join(sorted(names))})),
        severity=decision.severity,
        service=service_of(chosen.labels, policy.service_from),
        labels=dict(set.intersection(*(set(alerts[name].labels.items()) for name in names if name in alerts))),
        annotations=dict(chosen.annotations),
        decision=decision,
        opened_at=now,
        started_at=min(firing),
        plan=parent.plan,
        ladder=EscalationProgress(since=now),
        roles=parent.roles,
        split_from=parent.uid,
        drill=parent.drill,
        **{name: tuple(value) if isinstance(value, list) else value for name, value in totals.items()},
    )
    draft = Transition(None, actor, now)
    text = f"split from {parent.label} by {actor.name} with {len(taken)} alerts"
    draft.open(incident, "split", text, {"alerts": totals["names"], "from": parent.id}, policy.informs)
    draft.add(Kind.ACKNOWLEDGED, "split", f"{actor.name} has it", {"by": actor.name}, policy.informs)
    return IntakeDecision(
        Outcome.OPENED,
        "split",
        draft.incident,
        draft.events,
        records=taken,
        bodies={name: alerts[name] for name in names if name in alerts},
        owners={name: owners.get(name, "") for name in names if records[name].firing},
        pointers={key: ""},
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
        raise IllegalCommand(parent, "split", "none of these alerts fires")
    if set(records) <= set(names):
        raise IllegalCommand(parent, "split", "at least one alert has to stay", ("merge",))


def remove_split_alerts(
    parent: Incident, child: Incident, records: Mapping[str, AlertRecord], names: Sequence[str], policy: Policy,
    now: datetime,
) -> IntakeDecision:  # fmt: skip
    """Return how `parent` lets the alerts `names` go that are those of `child` now."""
    left = {name: record for name, record in records.items() if name not in names}
    draft = Transition(parent, Actor(kind=ActorKind.TIMER, name="split"), now)
    gone = [name for name in names if name in records]
    data = counts(parent, left) | {"child": child.uid, "id": child.id}
    draft.add(Kind.SPLIT, "split", f"{len(gone)} of its alerts are {child.label} now", data, policy.informs)
    if not data["firing"] and parent.state in WATCHABLE and not parent.partial:
        minutes = policy.monitor_for.total_seconds() / 60
        text = f"all alerts that stay have ended; watched for {minutes:g} min"
        begin_monitoring(draft, policy, "all_alerts_ended", text)
    return IntakeDecision(Outcome.UPDATED, "split", draft.incident, draft.events, gone=gone)
