"""The contents of an incident's page, derived from the incident and its log. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from receiver.model.incident.event import ActorKind, Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import CHECKLIST, ROLE_TITLES, Role
from receiver.model.incident.state import State
from receiver.pipeline.outbox.page_delivery import Delivery, PageDelivery, page_delivery
from receiver.review.timeline import corrections, happened_at

SHOWN = 40
"""Number of timeline entries that a page shows at first, newest first."""
WAITS = re.compile(", wait(?:s|ing) for approval")
"""Part of an entry about a draft. It is outdated once no draft is pending; older entries have another wording."""
LINES = 30
"""Maximum number of pages that are shown, newest first."""
PEOPLE = (ActorKind.PERSON, ActorKind.API, ActorKind.SLACK, ActorKind.PAGERDUTY)
_WORDS = {
    Delivery.QUEUED: "queued", Delivery.SENT: "sent", Delivery.DELIVERED: "delivered",
    Delivery.REFUSED: "refused", Delivery.ACKNOWLEDGED: "acknowledged", Delivery.CANCELLED: "cancelled",
}  # fmt: skip
_ACTORS = {
    ActorKind.ALERTMANAGER: "Alertmanager", ActorKind.TIMER: "automatic", ActorKind.SLACK: "Slack",
    ActorKind.PAGERDUTY: "PagerDuty", ActorKind.API: "API", ActorKind.PERSON: "",
}  # fmt: skip
HEADINGS = {
    Kind.ALL_HANDS: "All hands", Kind.PAGE_FAILED: "Page failed", Kind.SECOND_ROAD: "Fallback channel",
    Kind.STATUS_UPDATE: "Status update", Kind.STATUS_APPROVED: "Published", Kind.LETTER: "Customer email",
    Kind.STATUS_DISCARDED: "Draft discarded", Kind.PAGE_PASSED: "Not paged", Kind.STEP_PASSED: "Step skipped",
    Kind.NOTE: "Note", Kind.CLOCK_SET: "Time corrected", Kind.REFIRED: "Fired again", Kind.CHANGES: "Recent changes",
}  # fmt: skip


class PagedLine(NamedTuple):
    """One person on one channel, and the delivery state of the page."""

    person: str
    contact: str
    channel: str
    word: str
    made_at: datetime
    found: PageDelivery
    instead: str
    """The fallback channels that sent it; empty for none."""


class TimelineEntry(NamedTuple):
    """One line of the timeline."""

    seq: int
    at: datetime
    head: str
    text: str
    by: str
    person: bool
    corrected: bool


class RoleHolder(NamedTuple):
    """One of the roles, and who holds it."""

    role: str
    title: str
    holder: str | None


@dataclass(frozen=True)
class Button:
    """The next action."""

    verb: str
    text: str
    key: str
    asks: bool = False
    """Whether it needs a confirmation."""


def primary(incident: Incident) -> Button | None:
    """Return the next action for `incident`; None if there is none."""
    if incident.state is State.OPEN:
        return Button("acknowledge", "Acknowledge", "a")
    if incident.state in (State.ACKNOWLEDGED, State.IDENTIFIED) and incident.roles.incident_commander is None:
        return Button("role", "Take IC", "i")
    if not incident.state.over:
        return Button("resolve", "Resolve", "r", asks=True)
    return Button("close", "Close", "l") if incident.state is State.RESOLVED else None


def paged(incident: Incident, receipts: Sequence[Mapping[str, Any]], events: Iterable[Event]) -> list[PagedLine]:
    """Return a line for each person and channel with the newest page; people who were paged first come first."""
    instead: dict[str, list[str]] = {}
    for event in events:
        if event.kind is Kind.SECOND_ROAD and isinstance(event.data.get("page"), dict):
            names = dict.fromkeys(to.channel for to in event.to)
            instead.setdefault(str(event.data["page"].get("key")), []).extend(names)
    newest = {(page.person, page.channel): page for page in incident.pages}
    lines = [
        PagedLine(
            page.person, page.contact, page.channel, _WORDS[found.state], page.at, found,
            ", ".join(instead.get(page.key, ())),
        )
        for page in newest.values()
        for found in (page_delivery(page, incident, receipts),)
    ]  # fmt: skip
    return lines[-LINES:]


def entries(events: Sequence[Event], wanted: str, *, waits: bool = True) -> tuple[list[TimelineEntry], int]:
    """Return the newest entries first, and how many more there are. `wanted`: `all`, `people`, `machine`, or newest.

    `waits`: whether a draft is still pending; if none is, no entry mentions one.
    """
    said = corrections(events)
    found = [
        _entry(event, said.get(event.seq, {}), waits=waits)
        for event in reversed(events)
        if not said.get(event.seq, {}).get("hidden") and event.kind is not Kind.CORRECTED
    ]
    # By when it happened: a note may be about an earlier time.
    found.sort(key=lambda one: one.at, reverse=True)
    if wanted in ("people", "machine"):
        found = [one for one in found if one.person is (wanted == "people")]
    most = len(found) if wanted == "all" else SHOWN
    return found[:most], max(0, len(found) - most)


def _entry(event: Event, said: Mapping[str, Any], *, waits: bool) -> TimelineEntry:
    head = HEADINGS.get(event.kind) or event.kind.replace("_", " ").capitalize()
    source = _ACTORS[event.actor.kind]
    by = event.actor.name if event.actor.kind in PEOPLE else ""
    words = " · ".join(part for part in (by, source) if part)
    at = datetime.fromisoformat(said["at"]) if "at" in said else happened_at(event)
    text = str(said.get("text") or event.text)
    text = text if waits or event.kind is not Kind.STATUS_UPDATE else WAITS.sub("", text, 1)
    head = "" if text.lower().startswith(head.lower()) and event.kind is not Kind.NOTE else head
    return TimelineEntry(event.seq, at, head, text, words, event.actor.kind in PEOPLE, bool(said))


def roles(incident: Incident) -> list[RoleHolder]:
    """Return the four roles with their holders."""
    return [RoleHolder(role.value, ROLE_TITLES[role], getattr(incident.roles, role.field)) for role in Role]


def checklist(incident: Incident) -> list[tuple[int, str, str]]:
    """Return number, text, and the person who completed each checklist item; empty if it is open."""
    done = {tick.item: tick.by for tick in incident.checklist}
    return [(number, text, done.get(number, "")) for number, text in enumerate(CHECKLIST, 1)]
