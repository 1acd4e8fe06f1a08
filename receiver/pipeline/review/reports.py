"""Reports: the store is read once per report; the monthly review is announced on the first of the month."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from receiver.clock import Clock
from receiver.metrics import Metrics
from receiver.model.base import to_ms
from receiver.model.delivery.notice import Document
from receiver.model.incident.event import Destination
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.review.error_budgets import ErrorBudgets
from receiver.review.monthly_figures import MonthlyReview, pages_in
from receiver.review.monthly_report import brief, review_text
from receiver.review.review_record import read_review_record
from receiver.review.review_settings import Month, before, month_at, month_of
from receiver.store.client.connection import StoreAway
from receiver.store.due.due_set import DueSet
from receiver.store.incidents.review_record_reader import ReviewRecordReader

NAME = "monthly"
MORNING = time(8)
"""Time of day on the first at which the review of the previous month is announced, in the service's time zone."""
HISTORY = 6
"""Number of months that a review compares."""
LATE = timedelta(days=5)
"""How long a late review is still announced; less than the 7 days for which `once` is kept."""
EVERY = 300.0
"""Seconds between two exports of the figures."""
FLUSH = 10.0

log = structlog.get_logger("receiver.reports")


class Reports:
    """Builds reports from the store."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        review_records: ReviewRecordReader,
        due: DueSet,
        clock: Clock,
        metrics: Metrics,
        budgets: ErrorBudgets,
    ) -> None:
        """Create it; nothing is read before the first report."""
        self.setting = setting
        self.review_records = review_records
        self.due = due
        self.clock = clock
        self.metrics = metrics
        self.budgets = budgets
        self.absorbed_at: datetime | None = None
        """When this replica last accepted a duplicate notification."""
        self._absorbed: Counter[str] = Counter()
        self._month: Month | None = None
        """The month of the last notification that was counted, and ..."""
        self._month_in = ""
        """... the time zone that it was computed for."""

    def month(self, name: str | None, now: datetime) -> Month:
        """Return the month of that name, or the current one at `now`.

        Raises ValueError with a correction, and LookupError for a month that has not begun.
        """
        zone = self.setting().terms.zone
        if name is None:
            return month_at(now, zone)
        found = month_of(name, zone)
        if found.begins > now:
            raise LookupError(f"{name} has not begun")
        return found

    async def monthly(
        self,
        month: Month,
        now: datetime,
        teams: frozenset[str] | None = None,
        team: str | None = None,
        history: int = 0,
    ) -> dict[str, Any]:
        """Return the review of `month` as JSON. Raises StoreAway.

        `teams`: those that the reader is limited to, empty for a reader of every team; None: any reader, without
        private incidents. `team`: only this team's incidents are counted. Repeated notifications are counted for
        all teams together, and are left out of one team's month. `history`: number of months that it compares.
        """
        await self.flush()
        terms = self.setting().terms
        review = MonthlyReview(month, terms, now, history)
        async for number, kept in self.review_records.since(to_ms(review.since)):
            if (team is None or kept.get("team", "") == team) and _visible(kept, teams):
                review.see(read_review_record(kept, number, terms))
        said = review.told(await self.review_records.absorbed_in(month.name) if team is None else 0)
        return {**said, "error_budget": await self.budgets.measured(said["error_budget"], terms, review.until)}

    async def paged(
        self, month: Month, now: datetime, teams: frozenset[str], person: str | None, *, at_night: bool
    ) -> list[str]:
        """Return the ids of the incidents that paged `person` (None: anyone) in `month`, newest first.

        `at_night`: only those that did so at night. They are read as for `monthly`, so that the figures agree.
        Raises StoreAway.
        """
        terms, found = self.setting().terms, list[tuple[datetime, str]]()
        since = MonthlyReview(month, terms, now, HISTORY).since
        async for number, kept in self.review_records.since(to_ms(since)):
            if not any(person in (None, page[0]) for page in kept["pages"]) or not _visible(kept, teams):
                continue
            one = read_review_record(kept, number, terms)
            if any(person in (None, who) and night >= at_night for who, night in pages_in(one, month, terms)):
                found.append((one.opened, number))
        return [number for _, number in sorted(found, reverse=True)]

    def absorb(self, now: datetime) -> None:
        """Count a duplicate notification."""
        self.absorbed_at = now
        zone = self.setting().terms.zone
        month = self._month
        if month is None or zone != self._month_in or not month.begins <= now < month.ends:
            # Cached, because each duplicate is counted: computing it takes a thirtieth of a duplicate's CPU time.
            month = self._month = month_at(now, zone)
            self._month_in = zone
        self._absorbed[month.name] += 1

    async def flush(self) -> None:
        """Write the counts; retried later if the store is unavailable."""
        counts, self._absorbed = self._absorbed, Counter()
        if not counts:
            return
        try:
            await self.review_records.absorbed(counts)
        except StoreAway:
            self._absorbed += counts

    async def post(self, now: datetime) -> datetime | None:
        """Announce the previous month's review once when due; return when to check again. Raises StoreAway."""
        setting = self.setting()
        if setting.monthly is None:
            return None
        zone = setting.terms.zone
        this = month_at(now, zone)
        at = _morning(this, zone)
        if now < at:
            return at
        if now - at < LATE:
            await self._post(before(this, zone), setting, now)
        return _morning(month_at(this.ends, zone), zone)

    async def _post(self, month: Month, setting: ActiveConfig, now: datetime) -> None:
        said = await self.monthly(month, now, history=HISTORY)
        channel, wiki = setting.monthly or ("", False)
        chat = setting.channels.get(channel)
        key = f"review {month.name}"
        rows: list[tuple[str, str, Destination, dict[str, Any]]] = []
        if chat is not None and chat.informs:
            to = Destination(channel=chat.name, address=chat.address())
            rows.append((f"- {chat.name} {key}", chat.name, to, {"text": brief(said, month.title)}))
        document = Document(
            key=f"review/{month.name}",
            title=f"Incident Review {month.title}",
            markdown=review_text(said, month.title),
        )
        for place in setting.policy.documents if wiki else ():
            memory = {"document": document.model_dump(mode="json")}
            rows.append((f"- {place.channel} {key}", place.channel, place, memory))
        if rows and await self.due.owe(rows, to_ms(now), key):
            log.info("monthly_review_announced", month=month.name, incidents=said["total"])

    async def export_figures(self, now: datetime) -> None:
        """Export the figures of this month against their targets. Raises StoreAway."""
        said = await self.monthly(self.month(None, now), now, frozenset())
        for one in said["targets"]:
            value, met = one["actual"], one["met"]
            self.metrics.figure.labels(one["metric"]).set(float("nan") if value is None else value)
            self.metrics.target_met.labels(one["metric"]).set(float("nan") if met is None else int(met))

    async def run(self) -> None:
        """Count and export until canceled; while the store is unavailable, the last figures stay."""
        wait = 0.0
        while True:
            await self.flush()
            if wait <= 0:
                wait = EVERY
                try:
                    await self.export_figures(self.clock.now())
                except StoreAway:
                    log.debug("figures_read_failed")
            await asyncio.sleep(FLUSH)
            wait -= FLUSH


def _visible(kept: Mapping[str, Any], teams: frozenset[str] | None) -> bool:
    seen_by = kept.get("private")
    return seen_by is None or (teams is not None and not (teams and teams.isdisjoint(seen_by)))


def _morning(month: Month, zone: str) -> datetime:
    there = month.begins.astimezone(ZoneInfo(zone))
    return datetime.combine(there.date(), MORNING, ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))
