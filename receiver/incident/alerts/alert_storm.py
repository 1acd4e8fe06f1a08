"""A storm: so many incidents at once that paging for each one would only be noise. Pure.

If more than `storm.incidents` incidents open within `storm.within`, one storm incident is opened and paged once. Later
incidents join it and page no one, except SEV-1, which is never held back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from receiver.incident.alerts.monitored_incidents import end_monitoring
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, KeyState, Outcome
from receiver.incident.paging.page_responders import adopt_pages, page_responders
from receiver.incident.paging.policy import Policy
from receiver.model.base import to_ms
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.model.incident.page import Page
from receiver.model.incident.policy_snapshot import EscalationProgress
from receiver.model.incident.state import State
from receiver.model.severity import Decision, Severity

KEY = "storm"
"""The correlation key of a storm of the top level: at most one is open."""
HELD = "storm"
LOOK = timedelta(seconds=5)
"""How often a storm counts the incidents that have joined it."""
NAMED = 20
"""Maximum number of held incidents that are named; the others are counted."""


def storm_key(team: str) -> str:
    """Return the correlation key of the storms of `team`; each team has its own."""
    return f"{KEY}:{team}" if team else KEY


def joins_storm(view: KeyState, policy: Policy, severity: Severity) -> bool:
    """Return whether an incident of `severity` that opens now is part of a storm."""
    if policy.storm is None or severity is Severity.SEV1:
        return False
    return view.recent >= policy.storm[0]


def storm_after_hold(held: str, alike: Iterable[IncidentSummary], policy: Policy) -> tuple[Severity, str] | None:
    """Return the severity and reason of the storm that a window releases; None if it is not a storm.

    `held`: why they are held (Incident.held). `alike`: every open incident that is held for this reason. SEV-1 is never
    part of a storm. Incidents released at the end of a window cause as much noise as incidents that open at once, so
    the same limit applies (`storm.incidents`).
    """
    severities = [one.severity for one in alike if one.firing and one.severity is not Severity.SEV1]
    if policy.storm is None or len(severities) <= policy.storm[0]:
        return None
    return min(severities, key=lambda one: one.rank), f"{len(severities)} incidents are released from {held}"


def join_storm(draft: Transition, storm: str) -> str:
    """Make the incident part of the storm, and return the reason."""
    data = {"held": HELD, "parent": storm}
    draft.add(Kind.STORM_JOINED, "storm_joined", "grouped into an alert storm; not paged separately", data)
    return "storm_joined"


def release_from_storm(draft: Transition, policy: Policy, step: str) -> None:
    """Release an incident from the storm: from now on it pages people itself."""
    if draft.incident.held != HELD:
        return
    draft.add(Kind.RELEASED, "released", "no longer held back by the storm", to=policy.informs)
    if draft.incident.state is not State.MONITORING:
        page_responders(draft, policy, step, released=True)


def open_storm(
    uid: str,
    severity: Severity,
    why: str,
    policy: Policy,
    now: datetime,
    before: str = "",
    adopted: Sequence[Page] = (),
    began: datetime | None = None,
) -> IntakeDecision:
    """Return the opening of a storm incident, as severe as the incident that started the storm.

    `before`: the uid that the storm key points to. `adopted`: pages sent without the store, since `began`.
    """
    draft = Transition(None, Actor(kind=ActorKind.TIMER, name="storm"), now)
    private, visible_to = policy.guarded({}, policy.team)
    incident = Incident(
        uid=uid,
        key=storm_key(policy.team),
        keys=(storm_key(policy.team),),
        episode=to_ms(began or now),
        title=f"Storm: {why}",
        severity=severity,
        decision=Decision(severity=severity, rule="storm", reasons=(why,)),
        opened_at=now,
        started_at=now,
        plan=policy.opening_plan(now),
        team=policy.team,
        origin_team=policy.team,
        ladder=EscalationProgress(since=now),
        storm=True,
        worst=severity,
        private=private,
        visible_to=visible_to,
    )
    draft.open(incident, "storm", f"{severity} storm: {why}", {"alerts": []}, policy.informs)
    adopt_pages(draft, adopted)
    page_responders(draft, policy, "opened")
    return IntakeDecision(Outcome.OPENED, "storm", draft.incident, draft.events, pointers={incident.key: before})


def update_storm(
    storm: Incident, joined: int, names: list[str], worst: Severity | None, over: bool, policy: Policy, now: datetime
) -> Transition | None:
    """Return what has changed in the storm: the number of incidents, a worse severity, its end; None if nothing.

    `joined`: number of incidents in the storm. `names`: the names of at most 20. `over`: too few have opened recently.
    """
    draft = Transition(storm, Actor(kind=ActorKind.TIMER, name="storm"), now)
    if joined != storm.held_back and storm.storm_ended_at is None:
        text = f"{joined} {'incident' if joined == 1 else 'incidents'} grouped"
        draft.add(Kind.STORM_COUNTED, "storm_joined", text, {"held_back": joined, "worst": worst}, policy.informs)
    # Grouped incidents may get worse even after the storm has ended, and the storm incident takes on their severity
    # until it is resolved. A severity that a person has set stays until an incident is worse than all incidents at that
    # time.
    if worst is not None and worst.worse_than(storm.severity) and (not storm.by_hand or _worse(worst, storm)):
        if storm.state is State.MONITORING:
            text = "a grouped incident has become more severe: the storm is not over"
            end_monitoring(draft, policy, Kind.REFIRED, "storm_joined", text, worse=True)
        decision = Decision(severity=worst, rule="storm", reasons=("as severe as its worst incident",))
        data = {"decision": decision.model_dump(mode="json"), "worst": worst}
        text = f"severity raised from {storm.severity} to {worst}: an incident of that severity has joined"
        draft.add(Kind.SEVERITY_RAISED, "severity_raised", text, data, policy.informs)
        page_responders(draft, policy, "severity_raised")
    if over and storm.storm_ended_at is None:
        more = f" and {joined - len(names)} more" if joined > len(names) else ""
        were = "1 incident was" if joined == 1 else f"{joined} incidents were"
        text = f"the storm has ended; {were} grouped: {', '.join(names)}{more}"
        draft.add(Kind.STORM_ENDED, "storm_ended", text, {"held_back": joined, "incidents": names}, policy.informs)
    return draft if draft.events else None


def _worse(worst: Severity, storm: Incident) -> bool:
    return storm.worst is None or worst.worse_than(storm.worst)
