"""The dead man's switch: the alert that always fires has fallen silent, or is heard of again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from receiver.incident.audience import Policy, pagers_of
from receiver.incident.journal import Draft
from receiver.incident.summons import summon
from receiver.incident.verdict import Outcome, Verdict
from receiver.model.base import rfc3339, to_ms
from receiver.model.event import Actor, ActorKind, Kind
from receiver.model.incident import Incident
from receiver.model.plan import Ladder
from receiver.model.severity import Decision, Severity

KEY = "watchdog"
"""The correlation key of the incident: at most one is open."""
AGAIN = timedelta(hours=1)
"""How long after somebody has ended it the same silence calls again: alerting is dead still."""


def silent(uid: str, last: datetime, severity: Severity, policy: Policy, pointer: str, now: datetime) -> Verdict:
    """Return the incident that says that nothing was heard since `last`; `pointer` is what the key leads to so far."""
    minutes = (now - last).total_seconds() / 60
    why = f"the Watchdog alert was last heard of at {rfc3339(last)}, {minutes:.0f} min ago"
    draft = Draft(None, Actor(kind=ActorKind.TIMER, name="watchdog"), now)
    incident = Incident(
        uid=uid,
        key=KEY,
        keys=(KEY,),
        episode=to_ms(now),
        title="Alerting is silent: alerts may not reach anybody",
        severity=severity,
        decision=Decision(severity=severity, rule="watchdog", reasons=(why,)),
        opened_at=now,
        started_at=last,
        plan=policy.plan,
        ladder=Ladder(since=now),
    )
    shown = incident.model_dump(mode="json")
    data = {"incident": shown, "decision": shown["decision"], "alerts": []}
    draft.add(Kind.OPENED, "watchdog_silent", f"{severity}: {why}", data, policy.informs)
    summon(draft, policy, "opened")
    return Verdict(Outcome.OPENED, "watchdog_silent", draft.incident, draft.events, pointers={KEY: pointer})


def calls(before: Incident | None, last: datetime, now: datetime) -> datetime:
    """Return from when on the silence since `last` calls people; `before` is the incident that was opened last."""
    if before is None or before.resolved_at is None or to_ms(before.started_at) != to_ms(last):
        return now
    return before.resolved_at + AGAIN


def ends(incident: Incident) -> bool:
    """Return whether the return of the alert ends it: not where alerts fire that were merged into it."""
    return incident.key == KEY and not incident.state.over and not incident.firing


def heard(incident: Incident, policy: Policy, now: datetime) -> Draft:
    """Return the end of that incident: the alert has come in again."""
    draft = Draft(incident, Actor(kind=ActorKind.TIMER, name="watchdog"), now)
    to = (*policy.informs, *pagers_of(incident))
    draft.add(Kind.RESOLVED, "watchdog_heard", "the Watchdog alert is heard of again", to=to)
    return draft
