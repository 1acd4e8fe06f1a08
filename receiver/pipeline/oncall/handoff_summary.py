"""Gathers the content of a hand-off for its checklist."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice

import orjson

from receiver.incident.oncall.handoff_checklist import (
    LOOK_BACK,
    HandOff,
    HandoffContents,
    HandoffMaintenance,
    checklist,
)
from receiver.incident.oncall.shift_preflight import missing_addresses
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import ActionItem, ActionStatus
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.incidents.review_record_reader import ReviewRecordReader

OPEN, NEWEST = 500, 500
"""Maximum number of incidents: the most severe open ones, and the newest of all for alerts."""
LISTED = 100
"""Maximum number of incidents whose alerts are counted."""


async def gather_handoff_contents(
    cache: IncidentCache,
    incidents: IncidentStore,
    review_records: ReviewRecordReader,
    setting: ActiveConfig,
    handing: HandOff,
    changed: bool | None,
    now: datetime,
) -> HandoffContents:
    """Return the open incidents, without drills. Raises StoreAway."""
    worst = [one.uid for one in islice(cache.worst_first(oldest=True), OPEN)]
    # The checklist is posted in a channel, so private incidents are left out.
    running = [one for one in await incidents.many(worst) if not (one.drill or one.private or one.state.over)]
    newest = [one for one in await incidents.listing(most=NEWEST) if not (one.drill or one.private)]
    fresh = {one.uid: one for one in (*running, *newest) if _has_news(one, now)}
    recent: dict[str, list[AlertRecord]] = {}
    for uid in list(fresh)[:LISTED]:
        recent[uid] = list((await incidents.records(uid)).values())
    owed = {(one.label, item.n): item for one in (*running, *newest) for item in one.actions}
    async for number, kept in review_records.promised():
        # At any age, because an action item stays open until it is done.
        for row in () if kept["drill"] or kept.get("private") else kept["actions"]:
            item = ActionItem.model_validate_json(orjson.dumps(row))
            owed[number, item.n] = item
    card = setting.policy.directory.people.get(handing.incoming)
    return HandoffContents(
        open=running,
        recent=recent,
        promised=[(number, item) for (number, _), item in owed.items() if item.status is ActionStatus.OPEN],
        maintenance_windows=_upkeep(setting, handing, now),
        unreachable=missing_addresses(card, setting.policy.pagers),
        changed=changed,
    )


async def handoff_packet(
    cache: IncidentCache, incidents: IncidentStore, review_records: ReviewRecordReader, setting: ActiveConfig,
    handing: HandOff, names: Mapping[str, str], now: datetime,
) -> list[tuple[str, list[str]]]:  # fmt: skip
    """Return each item of the hand-off's checklist with its details. Raises StoreAway."""
    standing = await gather_handoff_contents(cache, incidents, review_records, setting, handing, None, now)
    return checklist(handing, standing, names)


def _has_news(one: Incident, now: datetime) -> bool:
    return not one.state.over or max(one.opened_at, one.resolved_at or one.opened_at) >= now - LOOK_BACK


def _upkeep(setting: ActiveConfig, handing: HandOff, now: datetime) -> list[HandoffMaintenance]:
    found = []
    for window in setting.maintenance:
        begins = window.next(now)
        if window.holds(now) is not None:
            found.append(HandoffMaintenance(window.name, None))
        elif begins is not None and begins < handing.until:
            found.append(HandoffMaintenance(window.name, begins))
    return sorted(found, key=lambda one: one.begins or now)
