"""Periods of the list of incidents, to which the figures of a report link: a month, or a week of it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from multidict import MultiMapping

from receiver.model.base import to_ms
from receiver.pipeline.review.reports import Reports
from receiver.web.http.error_responses import Refusal

WEEK = timedelta(days=7)


def period_of(query: MultiMapping[str], reports: Reports, now: datetime) -> tuple[int, int] | None:
    """Return the start and end times (ms) of the period; None if the address names no period.

    `month=2026-11`, in the zone of the reports; `week=2026-11-02`: the seven days from that day, within that month.
    Raises Refusal (400).
    """
    name = query.get("month")
    if name is None:
        return None
    try:
        month = reports.month(name, now)
        begins, ends = month.begins, month.ends
        if "week" in query:
            first = date.fromisoformat(query["week"])
            zone = ZoneInfo(reports.setting().terms.zone)
            begins = max(begins, datetime.combine(first, time(), zone))
            ends = min(ends, datetime.combine(first + WEEK, time(), zone))
    except (ValueError, LookupError, OverflowError) as error:
        raise Refusal(400, "bad_query", f"month or week: {error.args[0]}") from None
    return to_ms(begins), to_ms(ends)
