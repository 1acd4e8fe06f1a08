"""The incident: its state, a snapshot of what its log of events says."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from pydantic import Field, model_validator

from receiver.model.base import Kept
from receiver.model.incident.event import Destination
from receiver.model.incident.policy_snapshot import EscalationProgress, NotifiedContact, Plan, SeverityPlan
from receiver.model.incident.postmortem import PostmortemVersion
from receiver.model.incident.recent_changes import Changes
from receiver.model.incident.response_records import ActionItem, ChecklistTick, Mitigation, ResponseTimer, StatusUpdate
from receiver.model.oncall.personal_rules import PersonalRule
from receiver.model.severity import Decision, Severity


class State(StrEnum):
    """Where an incident stands (surfaces.md, Shapes in JSON)."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    CLOSED = "closed"

    @property
    def over(self) -> bool:
        """Whether nobody needs to be paged for it any more."""
        return self in (State.RESOLVED, State.CLOSED)


TAKEN = (State.ACKNOWLEDGED, State.IDENTIFIED)
"""States in which somebody has it."""


class Phase(StrEnum):
    """Which part of the seed's process it is in."""

    DETECT = "detect"
    TRIAGE = "triage"
    RESPOND = "respond"
    RESOLVE = "resolve"
    REVIEW = "review"


PHASE_OF = {
    State.OPEN: Phase.TRIAGE,
    State.ACKNOWLEDGED: Phase.RESPOND,
    State.IDENTIFIED: Phase.RESPOND,
    State.MONITORING: Phase.RESOLVE,
    State.RESOLVED: Phase.REVIEW,
    State.CLOSED: Phase.REVIEW,
}


CALLED = "called"
"""The step of a page to somebody whom a person calls for by name."""
ADOPTED = "merged"
"""The step of a page that another incident made, which counts as that one's call."""


class Page(Kept):
    """One ring at one person's pager, frozen when it was decided.

    `address` is the vendor credential (a PagerDuty routing key): it is kept so that the resolve
    goes where the trigger went whatever a reload changed since, and it never leaves in the API.
    """

    key: str
    """The vendor's deduplication key: correlation key, episode, person, number."""
    channel: str
    """A name of `channels` in the configuration."""
    person: str
    contact: str
    address: str
    step: str
    """What called for it: `opened`, `severity_raised`, `reopened`, `backup`, `emergency` ..."""
    ring: int
    at: datetime
    seq: int = 0
    """Sequence number of the event that made it."""
    number: int = 0
    """Which notification of this person it is, the last part of the key; 0: that of the ring (earlier releases)."""
    note: str = ""
    """What it is about beside the incident: the names of new alerts, or what a person says who has called for it."""
    by: str = ""
    """Who has called for it by name; empty where no person has."""
    base: str | None = None
    """Of a page by a personal rule: the key that all pages of the same call begin with."""
    rule: PersonalRule | None = None
    """The steps that follow while nobody answers; None: none do, or another page of the call has them."""
    rule_step: int | None = None
    """Which step of its person's rule made it; None: no rule did."""
    round: int = 0
    """Which round of the rule that was, from 0."""
    withdrawn: bool = False
    """Whether it is resolved at the vendor unanswered: all alerts have ended, or a newer page replaces it."""

    def called_for(self, plan: SeverityPlan | None) -> bool:
        """Return whether `plan`, that of the incident's severity, pages its contact; true without a plan.

        What a person has asked for is called for whatever the severity.
        """
        if plan is None or self.step == CALLED:
            return True
        return plan.pages(self.contact)


class Roles(Kept):
    """Who does what (the seed's roles)."""

    incident_commander: str | None = None
    technical_lead: str | None = None
    communications_lead: str | None = None
    scribe: str | None = None


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
    """Stays when it is reopened: how quickly somebody answered is no matter of what came later."""
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
    """The contacts called first in this ring, and by when each is to answer."""
    severity_at: datetime | None = None
    """Since when it has its severity; None: since it opened."""
    by_hand: bool = False
    """Whether a person set its severity: then it falls by nobody's proposal."""
    worst: Severity | None = None
    """The severity of its worst firing alert; None: none fires, or nobody said."""
    calm_since: datetime | None = None
    """Since when every firing alert is milder than the incident."""
    milder: Severity | None = None
    """The lower severity that was proposed since then; None: nothing was proposed."""
    raised: int = 0
    """Sequence number of the event that made it more severe last."""
    hushed: int = 0
    """Sequence number of the last acknowledgement: pages made before it are answered, later ones ring."""
    acknowledged_by: str | None = None
    acknowledged_until: datetime | None = None
    """The acknowledgement is a lease until then."""
    answered_at: datetime | None = None
    """When it was acknowledged last."""
    joining: tuple[str, ...] = ()
    """Names of new alerts that whoever has acknowledged is to be notified of (incident/alerts/joined_alerts.py)."""
    joined_at: datetime | None = None
    """When somebody was notified of new alerts last."""
    answer_by: datetime | None = None
    """The acknowledgement expires then unless somebody does something: new alerts have joined since."""
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
    """When what is held is looked at again; None: when its parent says so."""
    held_at: datetime | None = None
    """Since when nobody is paged for it."""
    storm: bool = False
    """Whether it stands for a storm of incidents."""
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
    """The uid of the incident that it was split from: its alerts come here whatever group tells of them."""
    departed: tuple[str, ...] = ()
    """Uids of incidents that were split from it."""
    declared: bool = False
    """Whether a person opened it, without an alert."""
    upstream: dict[str, int] = Field(default_factory=dict)
    """How many of its firing alerts Alertmanager holds back there, or does not know: silenced, inhibited, unknown."""
    unknown_since: datetime | None = None
    """Since when Alertmanager has not known some of its firing alerts; each has a time of its own until it is over."""
    silences: tuple[str, ...] = ()
    """Ids of silences made upstream for it, expired when it is resolved."""
    unasked: tuple[str, ...] = ()
    """Names of checks that could not be asked in this monitoring window."""
    unmeasured: tuple[str, ...] = ()
    """Queries that could not be asked, with why: each is said once."""
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
    roles: Roles = Roles()
    links: dict[str, str] = Field(default_factory=dict)
    drill: bool = False
    documented: tuple[Destination, ...] = ()
    """Where its post-mortem is kept as a page."""
    written: tuple[Destination, ...] = ()
    """Addresses of people who were written to about it."""
    detoured: tuple[str, ...] = ()
    """Keys of pages that took the second road, since their channel was away."""
    clocks: dict[str, datetime] = Field(default_factory=dict)
    """Moments that people have set right, by name (model/incident/postmortem.py); decisions go by the others."""
    fires_after: float | None = None
    """Seconds that the alert's rule waits before it fires (`for`), as Prometheus says; None: nobody said."""
    spent: dict[str, float] | None = None
    """The part of each objective's error budget that it has spent, as Prometheus says; None: nobody said."""
    lettered_at: datetime | None = None
    """When the Communications Lead was told of the draft of the e-mail to customers."""
    review: PostmortemVersion | None = None
    """The post-mortem as people have written it; None: it is the draft that the log gives."""
    previous: str | None = None
    """The id of the incident that its key led to before."""
    recurs: tuple[str, ...] = ()
    """Action items that were done since it happened before: they have not helped."""
    proposed: bool = False
    """Whether people were asked to resolve it (`auto_resolve: false`)."""
    reopened: int = 0
    seq: int = 0
    """Sequence number of the last event of its log."""
    version: int = 0
    """Raised by every commit; a decision is written only over the version that it was made on."""

    @model_validator(mode="before")
    @classmethod
    def _as_it_is_kept_now(cls, given: Any) -> Any:
        # Which place in chat belongs to it stood here once (it stands beside the incident now): what was stored then
        # is to be read still.
        return {name: value for name, value in given.items() if name != "rooms"} if "rooms" in given else given

    def empty_fields(self) -> set[str]:
        """Return the names of fields that need not be written, as they are empty and are read as empty when missing.

        They are half of the bytes of an incident that has just been opened.
        """
        empty = _empty()
        return {name for name, value in self.__dict__.items() if not value and name in empty and value == empty[name]}

    @property
    def calling_state(self) -> State:
        """The state by which people are called: while alerts flap, a quiet spell changes nothing about it."""
        if self.state is State.MONITORING and self.flapping:
            return self.resume or State.OPEN
        return self.state

    @property
    def unanswered(self) -> tuple[Page, ...]:
        """The pages of the present ring that are open at the vendor, or are to be, and that nobody has answered."""
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
        """`INC-2026-0001`, or a stand-in while it has no number yet."""
        return self.id or "(new incident)"

    @property
    def badge(self) -> str:
        """What stands before its name wherever it is told: that it is a drill."""
        return "DRILL " if self.drill else ""


@cache
def _empty() -> dict[str, Any]:
    fields = [(name, field) for name, field in Incident.model_fields.items() if not field.is_required()]
    defaults = {name: field.get_default(call_default_factory=True) for name, field in fields}
    return {name: value for name, value in defaults.items() if not value}


class AlertRecord(NamedTuple):
    """What is kept of one alert of an incident, beside the state, by fingerprint.

    No model: nothing of it comes from outside, and thousands are made from one notification (0.3 us each, not 5).
    """

    fingerprint: str
    firing: bool
    starts_ms: int
    ends_ms: int | None
    severity: Severity
    name: str
    digest: str
    """Hash of the body, so that only a body that changed is written again."""
    seen_ms: int
