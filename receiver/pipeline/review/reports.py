"""Looking back: the store is read once for a report; the review is told of on the first of the month."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
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
from receiver.review.monthly_figures import MonthlyReview
from receiver.review.monthly_report import brief, review_text
from receiver.review.review_record import read_review_record
from receiver.review.review_targets import Month, before, month_at, month_of
from receiver.store.client.connection import StoreAway
from receiver.store.due.due_set import DueSet
from receiver.store.incidents.review_record_reader import ReviewRecordReader

NAME = "monthly"
MORNING = time(8)
"""When the review of the month before is told, on the first, in the zone of the service: nobody's night."""
LATE = timedelta(days=5)
"""A review that nobody told in time is told so long; less than the 7 days for which `once` holds."""
EVERY = 300.0
"""Seconds between two looks at the figures that are exported."""
FLUSH = 10.0

log = structlog.get_logger("receiver.reports")


class Reports:
    """What reads months back."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        pasts: ReviewRecordReader,
        due: DueSet,
        clock: Clock,
        metrics: Metrics,
        budgets: ErrorBudgets,
    ) -> None:
        """Nothing is read before somebody asks."""
        self.setting = setting
        self.pasts = pasts
        self.due = due
        self.clock = clock
        self.metrics = metrics
        self.budgets = budgets
        self._absorbed: Counter[str] = Counter()

    def month(self, name: str | None, now: datetime) -> Month:
        """Return the month of that name, or the one that `now` is in.

        Raises ValueError with what would be right, and LookupError for a month that has not begun.
        """
        zone = self.setting().terms.zone
        if name is None:
            return month_at(now, zone)
        found = month_of(name, zone)
        if found.begins > now:
            raise LookupError(f"{name} has not begun")
        return found

    async def monthly(self, month: Month, now: datetime) -> dict[str, Any]:
        """Return the review of `month` as JSON. Raises StoreAway."""
        await self.flush()
        terms = self.setting().terms
        review = MonthlyReview(month, terms, now)
        async for number, kept in self.pasts.since(to_ms(review.since)):
            review.see(read_review_record(kept, number, terms))
        said = review.told(await self.pasts.absorbed_in(month.name))
        return {**said, "error_budget": await self.budgets.measured(said["error_budget"], terms, review.until)}

    def absorb(self, now: datetime) -> None:
        """Count a notification that said nothing new."""
        self._absorbed[month_at(now, self.setting().terms.zone).name] += 1

    async def flush(self) -> None:
        """Write what was counted; a store that is away is asked again later."""
        counts, self._absorbed = self._absorbed, Counter()
        if not counts:
            return
        try:
            await self.pasts.absorbed(counts)
        except StoreAway:
            self._absorbed += counts

    async def post(self, now: datetime) -> datetime | None:
        """Tell of the month before when it is due, once; return when to look again. Raises StoreAway."""
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
        said = await self.monthly(month, now)
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
            log.info("monthly_review", month=month.name, incidents=said["total"])

    async def look(self, now: datetime) -> None:
        """Export the figures of this month against their targets. Raises StoreAway."""
        said = await self.monthly(self.month(None, now), now)
        for one in said["targets"]:
            value, met = one["actual"], one["met"]
            self.metrics.figure.labels(one["metric"]).set(float("nan") if value is None else value)
            self.metrics.target_met.labels(one["metric"]).set(float("nan") if met is None else int(met))

    async def run(self) -> None:
        """Count and export, for ever; a store that is away leaves what was exported last."""
        wait = 0.0
        while True:
            await self.flush()
            if wait <= 0:
                wait = EVERY
                try:
                    await self.look(self.clock.now())
                except StoreAway:
                    log.debug("figures_not_read")
            await asyncio.sleep(FLUSH)
            wait -= FLUSH


def _morning(month: Month, zone: str) -> datetime:
    there = month.begins.astimezone(ZoneInfo(zone))
    return datetime.combine(there.date(), MORNING, ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))
