"""An event of an incident's log: what happened, who did it, why, and its destinations."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from receiver.model.base import Kept


class ActorKind(StrEnum):
    """The source of an event."""

    ALERTMANAGER = "alertmanager"
    PERSON = "person"
    TIMER = "timer"
    PAGERDUTY = "pagerduty"
    SLACK = "slack"
    API = "api"


class Actor(Kept):
    """Who did it."""

    kind: ActorKind
    name: str
    caller: str = Field("", exclude_if=lambda caller: not caller)
    """The name of the token or session, in addition to `name`, which the caller may choose."""


class Kind(StrEnum):
    """The kind of an event. Timeline, log line, metric and API use the same word."""

    OPENED = "opened"
    UPDATED = "updated"
    SEVERITY_RAISED = "severity_raised"
    PAGE = "page"
    PAGE_PASSED = "page_passed"
    PAGE_FAILED = "page_failed"
    NOTIFY = "notify"
    MONITORING = "monitoring"
    REFIRED = "refired"
    RESOLVED = "resolved"
    RESOLUTION_PROPOSED = "resolution_proposed"
    REOPENED = "reopened"
    JOINED = "joined"
    PARTIAL_VIEW = "partial_view"
    PAGE_ADOPTED = "page_adopted"
    EMERGENCY_PAGED = "emergency_paged"
    ACKNOWLEDGED = "acknowledged"
    ACKNOWLEDGEMENT_LAPSED = "acknowledgement_lapsed"
    IDENTIFIED = "identified"
    CLOSED = "closed"
    MERGED = "merged"
    ABSORBED = "absorbed"
    SPLIT = "split"
    ESCALATED = "escalated"
    STEP_PASSED = "step_passed"
    RESPONSE_BREACHED = "response_breached"
    SEVERITY_SET = "severity_set"
    SEVERITY_PROPOSED = "severity_proposed"
    REMINDER = "reminder"
    ALL_HANDS = "all_hands"
    TICKET = "ticket"
    NOTE = "note"
    EDITED = "edited"
    ROLE = "role"
    CHECKLIST = "checklist"
    ACTION_ADDED = "action_added"
    ACTION_CHANGED = "action_changed"
    MITIGATION = "mitigation"
    TIMER_STARTED = "timer_started"
    TIMER_STOPPED = "timer_stopped"
    STATUS_UPDATE = "status_update"
    STATUS_APPROVED = "status_approved"
    STATUS_DISCARDED = "status_discarded"
    VERIFICATION_FAILED = "verification_failed"
    CHECK_UNKNOWN = "check_unknown"
    SILENCED = "silenced"
    UPSTREAM = "upstream"
    STORM_JOINED = "storm_joined"
    STORM_COUNTED = "storm_counted"
    STORM_ENDED = "storm_ended"
    RELEASED = "released"
    MAINTENANCE = "maintenance"
    MAINTENANCE_ENDED = "maintenance_ended"
    VISIBILITY = "visibility"
    PAGE_QUEUED = "page_queued"
    PAGE_HOURS_BEGAN = "page_hours_began"
    MEASURED = "measured"
    CHANGES = "changes"
    SECOND_ROAD = "second_road"
    STATUS_DUE = "status_due"
    ROOM = "room"
    """No longer written, but present in stored logs; it changes nothing."""
    POSTMORTEM = "postmortem"
    POSTMORTEM_WRITTEN = "postmortem_written"
    CORRECTED = "corrected"
    CLOCK_SET = "clock_set"
    CLOCK_CORRECTED = "clock_corrected"
    ACTION_DUE = "action_due"
    RECURRED = "recurred"
    RULE_KNOWN = "rule_known"
    LETTER = "letter"
    BUDGET_KNOWN = "budget_known"
    TEAM_CHANGED = "team_changed"
    NOISE = "noise"
    SEEN_BEFORE = "seen_before"
    EXPRESSION_READ = "expression_read"


class Destination(Kept):
    """A channel and an address there: cursor, order, backoff and receipt are each per destination.

    For a page the address is the page key; for a channel that informs, what the channel calls its address.
    """

    channel: str
    address: str
    paging: bool = False
    personal: bool = False
    """Whether the address belongs to a person, who gets only important events."""


class Event(Kept):
    """One line of the log. `seq` counts from 1 within the incident."""

    seq: int
    at: datetime
    kind: Kind
    actor: Actor
    reason: str
    text: str
    data: dict[str, Any] = Field(default_factory=dict)
    to: tuple[Destination, ...] = ()


_SPEAKING = (Kind.PAGE, Kind.NOTIFY, Kind.ALL_HANDS, Kind.IDENTIFIED)
"""Kinds whose text already describes the event."""


def heading(kind: str, text: str) -> str:
    """Return the heading before the text of an event of `kind`; empty if the text already says the same."""
    words = kind.replace("_", " ")
    return "" if kind in _SPEAKING or (kind != Kind.NOTE and text.lower().startswith(words)) else words
