"""What figures need of an incident, read from its snapshot as it is stored: a month may have a hundred thousand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from receiver.model.hours import later
from receiver.model.plan import Hours
from receiver.review.terms import Terms

NONE = "none"
"""The category of what has none of the configured ones."""


@dataclass(slots=True)
class Past:
    """One incident, looked back at."""

    id: str
    severity: str
    opened: datetime
    began: datetime | None
    """When the impact began, as far as anybody knows; None: a person declared it, and nobody has said."""
    answered: datetime | None
    """When somebody first acknowledged it."""
    ended: datetime | None
    """When it was over for good; None: it is not."""
    answer_by: datetime
    category: str
    alertname: str
    flaps: int
    counts: bool
    """Whether it is in any figure: no drill, and not part of another one by a merge."""
    in_storm: bool
    final: bool
    """Whether its post-mortem is final."""
    pages: frozenset[tuple[str, int, str]]
    """Person, ring and time of each call; several channels for one call are one."""
    actions: tuple[Mapping[str, Any], ...]

    @property
    def since(self) -> datetime:
        """When the time that it cost begins."""
        return self.began or self.opened


def past_of(raw: Mapping[str, Any], number: str, terms: Terms) -> Past:
    """Return what figures need of the snapshot `raw`, whose id is `number`."""
    clocks: Mapping[str, str] = raw.get("clocks") or {}
    opened = moment(raw["opened_at"])
    over = raw["state"] in ("resolved", "closed")
    ended = clocks.get("resolved") or raw.get("resolved_at") or raw.get("closed_at") if over else None
    answered = clocks.get("acknowledged") or raw.get("first_acknowledged_at") or raw.get("acknowledged_at")
    names = raw.get("names") or ()
    labels = raw.get("labels") or {}
    return Past(
        id=number,
        severity=raw["severity"],
        opened=opened,
        began=_began(raw, clocks),
        answered=moment(answered) if answered else None,
        ended=moment(ended) if ended else None,
        answer_by=_answer_by(raw, opened),
        category=_category(raw, terms.categories),
        alertname=str(labels.get("alertname") or (names[0] if names else "") or raw["decision"]["rule"]),
        flaps=raw.get("flaps", 0),
        counts=not raw.get("drill") and not raw.get("merged"),
        in_storm=raw.get("held") == "storm" or (raw.get("parent") is not None and not raw.get("merged")),
        final=(raw.get("review") or {}).get("status") == "final",
        pages=frozenset((page["person"], page["ring"], page["at"]) for page in raw.get("pages", ())),
        actions=tuple(raw.get("actions", ())),
    )


def moment(text: str) -> datetime:
    """Return a stored time."""
    return datetime.fromisoformat(text)


def _began(raw: Mapping[str, Any], clocks: Mapping[str, str]) -> datetime | None:
    if "impact_began" in clocks:
        return moment(clocks["impact_began"])
    if raw.get("declared"):
        return None
    return moment(clocks.get("alert_fired") or raw["started_at"]) - timedelta(seconds=raw.get("fires_after") or 0)


def _category(raw: Mapping[str, Any], wanted: tuple[str, ...]) -> str:
    for one in wanted:
        place, _, name = one.partition(".")
        value = (raw.get(place) or {}).get(name) or (raw.get("service") if one == "labels.service" else None)
        if value:
            return str(value)[:100]
    return NONE


def _answer_by(raw: Mapping[str, Any], opened: datetime) -> datetime:
    plan = raw.get("plan") or {}
    asked = (plan.get("severities") or {}).get(raw["severity"])
    if not asked:
        return opened
    hours = Hours.model_validate(asked["hours"]) if asked.get("hours") else None
    return later(opened, asked["respond"], hours, plan.get("zone") or "UTC")
