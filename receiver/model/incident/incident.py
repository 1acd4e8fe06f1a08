"""The incident: its state, a snapshot of what its log of events says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field, model_validator

from receiver.model.base import Kept
from receiver.model.incident.event import Destination
from receiver.model.incident.page import Page
from receiver.model.incident.policy_snapshot import EscalationProgress, NotifiedContact, Plan, SeverityPlan
from receiver.model.incident.postmortem import PostmortemVersion
from receiver.model.incident.recent_changes import Changes
from receiver.model.incident.response_records import (
    NOBODY,
    ActionItem,
    ChecklistTick,
    Mitigation,
    NoiseMark,
    ResponseTimer,
    Roles,
    StatusUpdate,
)
from receiver.model.incident.state import PHASE_OF, Phase, State
from receiver.model.severity import Decision, Severity


class Incident(Kept):
    """A snapshot: what folding the log gives. The alerts themselves are kept beside it (AlertRecord).

    An empty dictionary is made and not given as the default, which pydantic would copy deeply for each incident.
    """

    uid: str
    """Identity in the store, drawn by who decided; the readable `id` is drawn by the commit."""
    id: str = ""
    key: str
    """The correlation key (a hash); at most one incident is open for it."""
    keys: tuple[str, ...] = ()
    """Every correlation key that leads here: its own, and those of groups that joined."""
    episode: int
    """Milliseconds of the earliest startsAt of the notification that opened it: part of every page key."""
    ring: int = 1
    title: str
    severity: Severity
    state: State = State.OPEN
    resume: State | None = None
    """While monitoring: the state that a relapse falls back to."""
    service: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    decision: Decision
    opened_at: datetime
    started_at: datetime
    """When the alerts say that it began (startsAt)."""
    estimated: bool = False
    """Whether `started_at` is only the time of arrival, since nothing that can be believed says when it began."""
    acknowledged_at: datetime | None = None
    first_acknowledged_at: datetime | None = None
    """Stays when it is reopened, because the response time does not depend on later events."""
    identified_at: datetime | None = None
    mitigated_at: datetime | None = None
    monitoring_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    firing: int = 0
    resolved: int = 0
    left: int = 0
    """Counts of alerts: firing, resolved and still kept, resolved and left after a day (all three were members)."""
    names: tuple[str, ...] = ()
    """At most 20 alert names among the firing ones, for messages."""
    parts: tuple[str, ...] = ()
    """Components of the status page that came with what was merged into it."""
    parts_at: datetime | None = None
    """When the last of them came."""
    partial: tuple[str, ...] = ()
    """Groups whose last notification was truncated: while there is one, nothing resolves by itself."""
    pages: tuple[Page, ...] = ()
    notified: tuple[str, ...] = ()
    """People informed (never paged), by name."""
    plan: Plan = Plan()
    """The policy that was in force when it opened."""
    ladder: EscalationProgress = EscalationProgress()
    reached: tuple[NotifiedContact, ...] = ()
    """The contacts paged first in this notification cycle, and the response time of each."""
    severity_at: datetime | None = None
    """Since when it has its severity; None: since it opened."""
    by_hand: bool = False
    """Whether a person set its severity: then it falls by nobody's proposal."""
    worst: Severity | None = None
    """The severity of its worst firing alert; None: none fires, or it is unknown."""
    calm_since: datetime | None = None
    """Since when every firing alert is milder than the incident."""
    milder: Severity | None = None
    """The lower severity that was proposed since then; None: nothing was proposed."""
    raised: int = 0
    """Sequence number of the event that made it more severe last."""
    hushed: int = 0
    """Sequence number of the last acknowledgement: earlier pages are answered, later ones are open."""
    acknowledged_by: str | None = None
    acknowledged_until: datetime | None = None
    """The acknowledgement is a lease until then."""
    answered_at: datetime | None = None
    """When it was acknowledged last."""
    joining: tuple[str, ...] = ()
    """Names of new alerts that the person who acknowledged will be notified of (incident/alerts/joined_alerts.py)."""
    joined_at: datetime | None = None
    """When a person was last notified of new alerts."""
    answer_by: datetime | None = None
    """When the acknowledgement expires without further work, because new alerts have joined."""
    updated_at: datetime | None = None
    """The last status update or note to the public."""
    reminded_at: datetime | None = None
    flaps: int = 0
    """How often it fired again after it had seemed over."""
    ends: tuple[datetime, ...] = ()
    """When every alert had ended, within the last half hour (incident/alerts/monitored_incidents.py)."""
    flapping: bool = False
    """Whether alerts come and go so often that a quiet spell resolves no page and stops no clock."""
    held: str | None = None
    """Why nobody is paged for it: `storm`, or `maintenance: NAME`."""
    held_until: datetime | None = None
    """When the hold is checked again; None: its parent decides."""
    held_at: datetime | None = None
    """Since when nobody is paged for it."""
    storm: bool = False
    """Whether it represents a storm of incidents."""
    held_back: int = 0
    """How many incidents are part of this storm."""
    storm_ended_at: datetime | None = None
    parent: str | None = None
    """The uid of the incident that it was merged into, or of the storm that it is part of."""
    merged: bool = False
    handed: tuple[Page, ...] = ()
    """Pages that stay open although it was merged: they are the other incident's now."""
    absorbed: tuple[str, ...] = ()
    """Uids of incidents that were merged into it."""
    split_from: str | None = None
    """The uid of the incident that it was split from: its alerts belong here in notifications of any group."""
    departed: tuple[str, ...] = ()
    """Uids of incidents that were split from it."""
    declared: bool = False
    """Whether a person opened it, without an alert."""
    sender: str = ""
    """The name of the token that opened it; empty: an earlier release or this service opened it."""
    private: bool = False
    """Whether only its team sees it, and callers that are limited to no team."""
    private_at: datetime | None = None
    """When it became private; None: it is not, or it opened so."""
    visible_to: tuple[str, ...] = ()
    """Other teams that see it although it is private."""
    foreign: tuple[str, ...] = ()
    """Senders whose resolve was ignored, as they may not resolve what another sender reported."""
    upstream: dict[str, int] = Field(default_factory=dict)
    """How many of its firing alerts Alertmanager holds back there, or does not know: silenced, inhibited, unknown."""
    unknown_since: datetime | None = None
    """Since when Alertmanager has not known some of its firing alerts; each has a time of its own until it is over."""
    silences: tuple[str, ...] = ()
    """Ids of silences made upstream for it, expired when it is resolved."""
    unasked: tuple[str, ...] = ()
    """Names of checks that could not be asked in this monitoring window."""
    unmeasured: tuple[str, ...] = ()
    """Queries that failed, with the reason; each is recorded once."""
    failing: tuple[str, ...] = ()
    """Names of checks that have taken it out of its watch; once they are good it is watched again."""
    failed_at: datetime | None = None
    summary: str | None = None
    cause: str | None = None
    impact: str | None = None
    resolution: str | None = None
    checklist: tuple[ChecklistTick, ...] = ()
    actions: tuple[ActionItem, ...] = ()
    mitigations: tuple[Mitigation, ...] = ()
    updates: tuple[StatusUpdate, ...] = ()
    changes: Changes | None = None
    """What was deployed and released in the day before it; None: nobody was asked (yet)."""
    ticketed: tuple[Destination, ...] = ()
    """Where tickets of it were made: they follow it."""
    stopwatch: ResponseTimer | None = None
    roles: Roles = NOBODY
    links: dict[str, str] = Field(default_factory=dict)
    drill: bool = False
    team: str = ""
    """The team that owns it; empty: the top level."""
    origin_team: str = ""
    """The team whose alerts come here: it stays when the incident is handed to another team."""
    team_reason: str = ""
    """Why that team owns it."""
    documented: tuple[Destination, ...] = ()
    """Where its post-mortem is stored as a page."""
    written: tuple[Destination, ...] = ()
    """Addresses of people who were written to about it."""
    detoured: tuple[str, ...] = ()
    """Keys of pages that were sent through fallback channels, because their channel was unavailable."""
    clocks: dict[str, datetime] = Field(default_factory=dict)
    """Moments that people have set right, by name (model/incident/postmortem.py); decisions go by the others."""
    fires_after: float | None = None
    """The `for` of the alert's rule in seconds, from Prometheus; None: unknown."""
    spent: dict[str, float] | None = None
    """The part of each objective's error budget that it has spent, from Prometheus; None: unknown."""
    lettered_at: datetime | None = None
    """When the Communications Lead was reminded of the draft of the e-mail to customers."""
    review: PostmortemVersion | None = None
    """The post-mortem as people have written it; None: it is the draft that the log gives."""
    previous: str | None = None
    """The id of the incident that its key led to before."""
    recurs: tuple[str, ...] = ()
    """Action items that were done since it happened before: they have not helped."""
    proposed: bool = False
    """Whether people were asked to resolve it (`auto_resolve: false`)."""
    reopened: int = 0
    noise: NoiseMark | None = None
    """Who has marked it as noise; None: nobody has."""
    seq: int = 0
    """Sequence number of the last event of its log."""
    version: int = 0
    """Raised by every commit; a decision is written only over the version that it was made on."""

    @model_validator(mode="before")
    @classmethod
    def _as_it_is_kept_now(cls, given: Any) -> Any:
        # Earlier releases stored the chat channel here; such records must remain readable.
        return {name: value for name, value in given.items() if name != "rooms"} if "rooms" in given else given

    @property
    def calling_state(self) -> State:
        """The state by which people are called: while alerts flap, a quiet spell changes nothing about it."""
        if self.state is State.MONITORING and self.flapping:
            return self.resume or State.OPEN
        return self.state

    @property
    def unanswered(self) -> tuple[Page, ...]:
        """The unanswered pages of the current notification cycle that are open at the vendor, or will be."""
        return tuple(
            page for page in self.pages if page.ring == self.ring and page.seq > self.hushed and not page.withdrawn
        )

    @property
    def phase(self) -> Phase:
        """The part of the process that its state belongs to."""
        return PHASE_OF[self.state]

    @property
    def called(self) -> SeverityPlan | None:
        """What its severity asks for, by the policy it opened under; None for an incident from before plans."""
        return self.plan.severities.get(self.severity)

    @property
    def label(self) -> str:
        """`INC-2026-0001`, or a placeholder while it has no number yet."""
        return self.id or "(new incident)"

    @property
    def badge(self) -> str:
        """The prefix of its name in messages: that it is a drill."""
        return "DRILL " if self.drill else ""


DECISION = "decision"


def opened_incident(data: Mapping[str, Any]) -> Incident:
    """Return the incident that the data of the first event of a log holds. Raises ValidationError.

    Its decision stands beside it; in logs of earlier releases, in it as well.
    """
    decision = {DECISION: data[DECISION]} if DECISION in data else {}
    return Incident.model_validate(decision | data["incident"])
