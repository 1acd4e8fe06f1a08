"""The monthly review: a month's figures compared with the previous month, repeating alerts, and action items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from receiver.model.base import from_ms, to_ms
from receiver.review.error_budget import Spent
from receiver.review.response_statistics import Figures, targets
from receiver.review.review_record import ReviewRecord
from receiver.review.review_settings import NIGHT, Month, ReviewTargets, before, quarter_of
from receiver.review.weekly_counts import WeeklyCounts

TOP = 10


class MonthlyReview:
    """Computes the figures of one month; add every incident since `since` once, in any order."""

    def __init__(self, month: Month, terms: ReviewTargets, now: datetime, history: int = 0) -> None:
        """`now`: the end of a month that is not over. `history`: the number of further months that are counted."""
        self.month = month
        self.terms = terms
        self.now = now
        self.until = min(month.ends, now)
        self.last = before(month, terms.zone)
        self.quarter = quarter_of(month, terms.zone)
        self.here, self.then = Figures(), Figures()
        self.sev1 = 0
        self.spent = [Spent(budget, self.until) for budget in terms.budgets]
        self.categories: Counter[str] = Counter()
        self.noisy: Counter[str] = Counter()
        self.flaps: Counter[str] = Counter()
        self.noise: dict[str, list[str]] = {}
        self.pages: Counter[str] = Counter()
        self.nights: Counter[str] = Counter()
        self.history = [(before(month, terms.zone, back), Figures()) for back in range(history - 1, -1, -1)]
        """The months of the chart, oldest first."""
        self.weeks = WeeklyCounts(month, terms.zone)
        self.outstanding: list[dict[str, Any]] = []
        self.improved: list[dict[str, Any]] = []

    @property
    def since(self) -> datetime:
        """The time from which on incidents must be added; those with open action items may be older."""
        oldest = self.history[0][0].begins if self.history else self.month.begins
        return min(self.last.begins, self.quarter, *(one.begins for one in self.spent), oldest, self.month.begins)

    def see(self, one: ReviewRecord) -> None:
        """Add one incident."""
        if one.drill:
            return
        self._calls(one)
        if not one.merged:
            self._count(one)

    def _count(self, one: ReviewRecord) -> None:
        for spent in self.spent:
            spent.see(one)
        if one.actions:
            self._promises(one)
        if self.quarter <= one.opened < self.month.ends and one.severity == "SEV-1":
            self.sev1 += 1
        for month, figures in self.history:
            if month.begins <= one.opened < month.ends:
                figures.see(one, self.terms, self.now)
        if self.last.begins <= one.opened < self.last.ends:
            self.then.see(one, self.terms, self.now)
        if not self.month.begins <= one.opened < self.month.ends:
            return
        self.here.see(one, self.terms, self.now)
        self.weeks.see(one.opened, one.severity)
        self.categories[one.category] += 1
        self.noisy[one.alertname] += 1
        if one.flaps:
            self.flaps[one.alertname] += one.flaps
        if one.noise:
            self.noise.setdefault(one.alertname, []).append(one.id)

    def told(self, duplicates: int = 0) -> dict[str, Any]:
        """Return the review as JSON; durations in seconds."""
        return {
            "month": self.month.name,
            **self.here.told(),
            "error_budget": [spent.told() for spent in self.spent],
            "categories": [{"name": name, "count": count} for name, count in _top(self.categories)],
            "outstanding_actions": sorted(self.outstanding, key=_by_due),
            "improvements": sorted(self.improved, key=lambda one: (one["done_at"], one["incident"], one["n"])),
            "targets": targets(self.here, self.sev1),
            "previous": {"month": self.last.name, **self.then.told()},
            "noisiest": [
                {"alertname": name, "count": count, "flaps": self.flaps[name]} for name, count in _top(self.noisy)
            ],
            "noise": [
                {"alertname": name, "count": len(ids), "incidents": sorted(ids)[:TOP]}
                for name, ids in sorted(self.noise.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:TOP]
            ],
            "pages": {
                "total": self.pages.total(),
                "at_night": self.nights.total(),
                "people": [
                    {"person": name, "count": count, "at_night": self.nights[name]}
                    for name, count in _top(self.pages, 100)
                ],
            },
            "weeks": self.weeks.told(),
            **({"history": [_in_history(month, figures) for month, figures in self.history]} if self.history else {}),
            "duplicates_absorbed": duplicates,
            "until": self.until.isoformat(timespec="seconds").replace("+00:00", "Z"),
        }

    def _calls(self, one: ReviewRecord) -> None:
        for person, night in pages_in(one, self.month, self.terms):
            self.pages[person] += 1
            self.nights[person] += night

    def _promises(self, one: ReviewRecord) -> None:
        day = self.until.astimezone(ZoneInfo(self.terms.zone)).date().isoformat()
        for item in one.actions:
            done = datetime.fromisoformat(item["done_at"]) if item.get("done_at") else None
            line = {name: item[name] for name in ("n", "title", "owner", "due")}
            if done is not None and item["status"] == "done" and self.month.begins <= done < self.month.ends:
                self.improved.append({"incident": one.id, **line, "done_at": item["done_at"]})
            later = done is not None and item["status"] == "done" and done >= self.month.ends
            if (item["status"] == "open" or later) and datetime.fromisoformat(item["at"]) < self.month.ends:
                late = item["due"] is not None and item["due"] < day
                self.outstanding.append({"incident": one.id, **line, "overdue": late})


def pages_in(one: ReviewRecord, month: Month, terms: ReviewTargets) -> list[tuple[str, bool]]:
    """Return the person of each page of an incident in `month`, and whether it was night there; none of a drill."""
    begins, ends = to_ms(month.begins), to_ms(month.ends)
    pages = [(person, at) for person, _, at in one.pages if begins <= at < ends] if not one.drill else []
    return [(person, _at_night(at, terms.zones.get(person, terms.zone))) for person, at in pages]


def _at_night(at: int, zone: str) -> bool:
    hour = from_ms(at).astimezone(ZoneInfo(zone)).hour
    return hour >= NIGHT[0] or hour < NIGHT[1]


def _in_history(month: Month, figures: Figures) -> dict[str, Any]:
    said = figures.told()
    means = {name: said[name]["mean"] for name in ("mttd", "mtta", "mttr")}
    return {"month": month.name, "total": said["total"], "by_severity": said["by_severity"], **means}


def _top(counts: Counter[str], most: int = TOP) -> list[tuple[str, int]]:
    # Equal counts are ordered by name, so that the same month always gives the same text.
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:most]


def _by_due(item: Mapping[str, Any]) -> tuple[bool, str, str, int]:
    return item["due"] is None, item["due"] or "", item["incident"], item["n"]
