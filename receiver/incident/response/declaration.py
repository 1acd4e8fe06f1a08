"""Declares an incident without an alert. Pure."""

from __future__ import annotations

from datetime import datetime

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.page_responders import page_responders
from receiver.incident.paging.policy import Policy
from receiver.incident.publication.status_updates import follow_up
from receiver.model.base import to_ms
from receiver.model.command import Declare
from receiver.model.incident.event import Actor
from receiver.model.incident.incident import Incident
from receiver.model.incident.policy_snapshot import EscalationProgress
from receiver.model.severity import Decision


def declare(request: Declare, uid: str, policy: Policy, actor: Actor, now: datetime) -> Transition:
    """Return the opening of a declared incident, with the pages of its severity."""
    decision = Decision(severity=request.severity, rule="person", reasons=(f"declared by {actor.name}",))
    key = f"declared:{uid}"
    labels = {"service": request.service} if request.service else {}
    private, visible_to = policy.guarded(labels, policy.team)
    incident = Incident(
        uid=uid,
        key=key,
        keys=(key,),
        episode=to_ms(now),
        title=request.title,
        severity=request.severity,
        service=request.service,
        labels=labels,
        summary=request.summary,
        decision=decision,
        by_hand=True,
        declared=True,
        drill=request.drill,
        opened_at=now,
        started_at=now,
        plan=policy.opening_plan(now),
        team=policy.team,
        origin_team=policy.team,
        team_reason=f"declared for it by {actor.name}" if policy.team else "",
        private=private,
        visible_to=visible_to,
        ladder=EscalationProgress(since=now),
    )
    draft = Transition(None, actor, now)
    drill = " as a drill" if request.drill else ""
    text = f"{request.severity} declared{drill} by {actor.name}: {request.title}"
    draft.open(incident, "declared", text, {"alerts": []}, policy.informs)
    page_responders(draft, policy, "opened")
    follow_up(draft, policy)
    return draft
