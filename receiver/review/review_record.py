"""An incident in figures, from its review record: a month may have a hundred thousand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from receiver.model.base import from_ms
from receiver.model.incident.business_hours import add_business_time
from receiver.model.incident.policy_snapshot import ResponseHours
from receiver.review.review_settings import ReviewTargets

NONE = "none"
"""The category of incidents without a configured one."""


@dataclass(slots=True)
class ReviewRecord:
    """One incident in a review."""

    id: str
    severity: str
    opened: datetime
    began: datetime | None
    """When the impact began; None: unknown, for a declared incident."""
    answered: datetime | None
    """When it was first acknowledged."""
    ended: datetime | None
    """When it was finally resolved; None: it is not."""
    answer_by: datetime
    category: str
    alertname: str
    flaps: int
    drill: bool
    """Whether it is excluded from all figures."""
    merged: bool
    """Whether it is part of another one; then only its pages count."""
    in_storm: bool
    final: bool
    """Whether its post-mortem is final."""
    noise: bool
    """Whether it is marked as noise."""
    pages: Sequence[tuple[str, int, int]]
    """Person, notification cycle and time (ms) of each page."""
    actions: Sequence[Mapping[str, Any]]

    @property
    def since(self) -> datetime:
        """The beginning of the time that it cost."""
        return self.began or self.opened


def read_review_record(kept: Mapping[str, Any], number: str, terms: ReviewTargets) -> ReviewRecord:
    """Return the incident `number` from its record (model/incident/review_record.py)."""
    opened = from_ms(kept["opened"])
    hours = ResponseHours.model_validate(kept["hours"]) if kept["hours"] else None
    began, answered, ended = kept["began"], kept["answered"], kept["ended"]
    return ReviewRecord(
        id=number,
        severity=kept["severity"],
        opened=opened,
        began=from_ms(began) if began is not None else None,
        answered=from_ms(answered) if answered is not None else None,
        ended=from_ms(ended) if ended is not None else None,
        answer_by=add_business_time(opened, kept["respond"] or 0, hours, kept["zone"]),
        category=_category(kept, terms.categories),
        alertname=kept["alertname"],
        flaps=kept["flaps"],
        drill=kept["drill"],
        merged=kept["merged"],
        in_storm=kept["in_storm"],
        final=kept["final"],
        noise=kept.get("noise", False),
        pages=kept["pages"],
        actions=kept["actions"],
    )


def _category(kept: Mapping[str, Any], wanted: tuple[str, ...]) -> str:
    for one in wanted:
        place, _, name = one.partition(".")
        value = kept[place].get(name) or (kept["service"] if one == "labels.service" else None)
        if value:
            return str(value)[:100]
    return NONE
