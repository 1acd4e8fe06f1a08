"""What the figures of a report link to in the list: a month, a week of it, its quarter, and the pages of a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from multidict import MultiMapping

from receiver.model.base import to_ms
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.pipeline.open_incidents.incident_follower import IncidentFollower
from receiver.pipeline.review.reports import Reports
from receiver.review.review_settings import quarter_of
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import Caller
from receiver.web.http.error_responses import Refusal
from receiver.web.http.query_parameters import Filters

WEEK = timedelta(days=7)
PAGED, NIGHT, QUARTER = "paged", "night", "quarter"
"""Parameters: the person who was paged, only at night, and the month to whose end a quarter is counted."""
PERIOD = ("month", "week", QUARTER, PAGED, NIGHT)
"""Parameters of the list that only reports link to."""
ANYONE = "*"
"""The value of `paged` that stands for everyone."""
LISTED = 200
"""Maximum number of incidents that paged a person, newest first."""


def period_of(query: MultiMapping[str], reports: Reports, now: datetime) -> tuple[int, int] | None:
    """Return the start and end times (ms) of the period; None if the address names no period.

    `month=2026-11`, in the zone of the reports; `week=2026-11-02`: the seven days from that day, within that month;
    `quarter=2026-11`: from the beginning of that month's quarter to the end of the month. Raises Refusal (400).
    """
    name, quarter = query.get("month"), query.get(QUARTER)
    if name is None and quarter is None:
        return None
    try:
        if quarter is not None:
            month = reports.month(quarter, now)
            return to_ms(quarter_of(month, reports.setting().terms.zone)), to_ms(month.ends)
        month = reports.month(name, now)
        begins, ends = month.begins, month.ends
        if "week" in query:
            first = date.fromisoformat(query["week"])
            zone = ZoneInfo(reports.setting().terms.zone)
            begins = max(begins, datetime.combine(first, time(), zone))
            ends = min(ends, datetime.combine(first + WEEK, time(), zone))
    except (ValueError, LookupError, OverflowError) as error:
        what = "month or week" if quarter is None else "quarter"
        raise Refusal(400, "bad_query", f"{what}: {error.args[0]}") from None
    return to_ms(begins), to_ms(ends)


async def paged_in(
    query: MultiMapping[str], parts: AppParts, follower: IncidentFollower, filters: Filters, caller: Caller
) -> tuple[list[IncidentSummary], int] | None:  # fmt: skip
    """Return the newest `LISTED` incidents that paged a person in a month, and how many there are if there are more.

    None if the address names no person.
    `month=2026-11&paged=alice`, and `night=1` for pages at night. Raises Refusal (400) and StoreAway.
    """
    person, name = query.get(PAGED), query.get("month")
    if person is None:
        return None
    if name is None:
        raise Refusal(400, "bad_query", "paged: add a month, such as month=2026-11")
    reports, now = parts.reports, parts.clock.now()
    try:
        month = reports.month(name, now)
    except (ValueError, LookupError) as error:
        raise Refusal(400, "bad_query", f"month: {error.args[0]}") from None
    who = None if person == ANYONE else person
    ids = await reports.paged(month, now, caller.teams, who, at_night=query.get(NIGHT) == "1")
    uids = await follower.incidents.uids_of(ids[:LISTED])
    # Unlike in a period, merged incidents count, because they paged someone, and older ones that paged again.
    kept = replace(filters, opened_from=None, opened_before=None)
    found = [one for one in await follower.summaries_of(uids) if kept.keep(one)]
    return await follower.labels.matching(found, kept.labels), len(ids) if len(ids) > LISTED else 0
