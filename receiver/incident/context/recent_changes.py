"""Which change most likely caused an incident. Pure; pipeline/context/recent_changes.py queries the changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.policy import Policy
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.recent_changes import Changes, RecentChange

BACK = timedelta(hours=24)
"""How far back changes count."""
SOON = timedelta(minutes=2)
"""An alert starts some scrapes early or late, so a change this soon after its start counts as before it."""
FAILED = ("error", "failure")
"""States of failed deployments."""
LISTED = 5
KEPT = 20
WHERE = ("environment", "env")
"""Labels that may name the environment of an alert."""


def changes_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return since when the query for recent changes is due; None if it was made, or there is no repository."""
    if incident.state.over or incident.changes is not None or incident.service not in policy.repositories:
        return None
    return incident.opened_at


def changes_before(incident: Incident) -> datetime:
    """Return when an incident began, according to its plausible alerts."""
    return incident.started_at if incident.opened_at - incident.started_at < BACK else incident.opened_at


def on_changes_read(
    incident: Incident, repository: str, found: Sequence[RecentChange], policy: Policy, now: datetime
) -> Transition:
    """Return the event with the changes of the day before, and the likely cause."""
    since = changes_before(incident)
    items = sorted((one for one in found if since - BACK <= one.at <= now), key=lambda one: one.at, reverse=True)
    likely, why = _likely(
        items, since, next((incident.labels[name] for name in WHERE if incident.labels.get(name)), "")
    )
    kept, at = items[:KEPT], likely
    if likely is not None and likely >= KEPT:
        kept, at = [*items[: KEPT - 1], items[likely]], KEPT - 1
    made = Changes(repository=repository, items=tuple(kept), likely=at, why=why)
    text = f"{repository}: {why}"
    others = [_words(one, since) for index, one in enumerate(items[:LISTED]) if index != likely]
    return _told(
        incident,
        made,
        "found" if items else "nothing",
        text + (f"; also {', '.join(others)}" if others else ""),
        policy,
        now,
    )


def on_changes_unavailable(incident: Incident, repository: str, why: str, policy: Policy, now: datetime) -> Transition:
    """Return the event that records that the changes could not be queried."""
    made = Changes(repository=repository, why=f"not known: {why}")
    return _told(incident, made, "not_known", f"{repository}: recent changes are not known: {why}", policy, now)


def _told(incident: Incident, made: Changes, reason: str, text: str, policy: Policy, now: datetime) -> Transition:
    draft = Transition(incident, Actor(kind=ActorKind.TIMER, name="changes"), now)
    draft.add(Kind.CHANGES, reason, text[:2000], {"changes": made.model_dump(mode="json")}, policy.informs)
    return draft


def _likely(items: Sequence[RecentChange], since: datetime, environment: str) -> tuple[int | None, str]:
    # The newest change before the start. A deployment ranks above a release, which may be unused; the environment of
    # the alert, or else production, ranks above others. The preview of a pull request ranks last.
    before = [index for index, one in enumerate(items) if one.at <= since + SOON and one.state not in FAILED]
    if not before:
        later = "; those known came after it began, or were not reported" if items else ""
        return None, f"no deployments in the 24 h before the incident{later}"

    def unlikely(index: int) -> tuple[bool, bool, bool, int]:
        one = items[index]
        there = one.environment == environment if environment else one.production
        return one.transient and not there, one.kind != "deployment", not there, index

    chosen = min(before, key=unlikely)
    return chosen, f"likely {_words(items[chosen], since)}: the last change before the incident"


def _words(one: RecentChange, since: datetime) -> str:
    minutes = round((since - one.at).total_seconds() / 60)
    span = f"{abs(minutes)} min" if abs(minutes) < 120 else f"{abs(minutes) / 60:.0f} h"
    where = " ".join(part for part in (one.environment, f"by {one.by}" if one.by else "", one.state) if part)
    return f"{one.kind} {one.name}{f' ({where})' if where else ''}, {span} {'before' if minutes >= 0 else 'after'}"
