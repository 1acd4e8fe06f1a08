"""Times of an incident that a wrong clock wrote: how far they are in the future, and moving them back. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from receiver.model.incident.incident import Incident

HAPPENED = (
    "opened_at", "started_at", "acknowledged_at", "first_acknowledged_at", "identified_at", "mitigated_at",
    "monitoring_at", "resolved_at", "closed_at", "severity_at", "calm_since", "answered_at", "joined_at", "updated_at",
    "reminded_at", "held_at", "storm_ended_at", "unknown_since", "failed_at", "lettered_at", "parts_at",
    "private_at",
)  # fmt: skip
"""Fields with times of past events: none can be in the future."""
DUE = ("acknowledged_until", "answer_by", "held_until")
"""Fields with times at which something is due."""


def dated_ahead(incident: Incident, now: datetime) -> timedelta:
    """Return how far ahead of `now` the latest past event of `incident` is; 0 if none is ahead."""
    return max((moment - now for moment in _happened(incident) if moment > now), default=timedelta())


def moved_back(incident: Incident, after: datetime, by: timedelta) -> dict[str, Any]:
    """Return the fields that change when all times of `incident` later than `after` are moved back by `by`."""

    def move(moment: datetime | None) -> datetime | None:
        return moment - by if moment is not None and moment > after else moment

    change: dict[str, Any] = {name: move(getattr(incident, name)) for name in (*HAPPENED, *DUE)}
    change["ladder"] = incident.ladder.model_copy(update={"since": move(incident.ladder.since)})
    change["reached"] = tuple(
        reach.model_copy(update={"at": move(reach.at), "due": move(reach.due)}) for reach in incident.reached
    )
    change["pages"] = tuple(page.model_copy(update={"at": move(page.at)}) for page in incident.pages)
    change["ends"] = tuple(end for end in map(move, incident.ends) if end is not None)
    return change


def _happened(incident: Incident) -> Iterator[datetime]:
    for name in HAPPENED:
        moment: datetime | None = getattr(incident, name)
        if moment is not None:
            yield moment
    if incident.ladder.since is not None:
        yield incident.ladder.since
    yield from (reach.at for reach in incident.reached)
    yield from (page.at for page in incident.pages)
    yield from incident.ends
