"""Queries of read endpoints: a page of the list, and one incident by its id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from receiver.model.base import to_ms
from receiver.model.incident.event import Event
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.pipeline.open_incidents.incident_follower import IncidentFollower
from receiver.review.other_incidents import event_without, others_in, others_of, without_others
from receiver.store.client.connection import StoreAway
from receiver.store.cooperative_loop import COMPARED, TimedSteps, in_steps
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.incidents.open_summaries import PAGE
from receiver.web.auth.tokens import Caller
from receiver.web.http.error_responses import Refusal
from receiver.web.http.query_parameters import Filters, Place

BATCH = 500
MORE = 10
"""Number of incidents that a search reads at first in addition to its page: a summary costs 0.1 ms."""
LOOKED_AT = 10_000
"""Maximum number of incidents that one request scans; a page may be short and still have a next one."""
LONGEST_ID = 100


async def page_of(incidents: IncidentStore, filters: Filters) -> tuple[list[Incident], Place | None]:
    """Return one page, newest first, and the position of the next; None if there are no more. Raises StoreAway."""
    found: list[Incident] = []
    # Two more than the page: the position itself, which is returned again, and one to detect a next page.
    # Each additional incident costs as much as one of the page.
    place, looked, batch, steps = filters.after, 0, filters.limit + 2, TimedSteps()
    while looked < LOOKED_AT:
        # The index is queried from the millisecond of the position on, in which other incidents may also have opened.
        before = None if place is None else place.opened_ms + 1
        rows = await incidents.listing(open_only=filters.open is True, before=before, most=batch)
        fresh = [row for row in rows if place is None or not place.passed(row)]
        if not rows or (not fresh and len(rows) < batch):
            return found, None
        kept = 0
        for incident in sorted(fresh, key=lambda one: (to_ms(one.opened_at), one.uid), reverse=True):
            if len(found) == filters.limit:
                return found, place
            looked += 1
            place = Place(to_ms(incident.opened_at), incident.uid)
            if await filters.keep_in_steps(incident, steps):
                found.append(incident)
                kept += 1
        # More than a batch in one millisecond, or filters that exclude some: read on at once.
        batch = batch * 2 if not fresh else filters.limit + 2 - len(found) if kept == len(fresh) else max(batch, BATCH)
    return found, place


async def by_id(incidents: IncidentStore, number: str, caller: Caller) -> Incident:
    """Return the incident `INC-...`. Raises StoreAway, and Refusal (404) if there is none that `caller` may see.

    It is filtered by `shown_to`, so it must not be committed.
    """
    # A path may decode to a text that is not an id and that the store's client cannot encode.
    if len(number) <= LONGEST_ID and number.isprintable():
        uid = await incidents.uid_of(number)
        incident = await incidents.incident(uid) if uid else None
        if incident is not None and caller.sees(incident):
            return (await shown_to(incidents, [incident], caller))[0]
    raise Refusal(404, "unknown_incident", "there is no such incident")


async def shown_to(incidents: IncidentStore, found: Sequence[Incident], caller: Caller) -> list[Incident]:
    """Return `found` without references to other incidents that `caller` may not see. Raises StoreAway."""
    hidden = await _hidden(incidents, [others_of(one) for one in found], caller)
    return [without_others(one, hidden) for one in found]


async def shown_after(incidents: IncidentStore, incident: Incident, caller: Caller) -> Incident:
    """Return the result of a command, filtered by `shown_to`; without the store, all references are left out."""
    try:
        return (await shown_to(incidents, [incident], caller))[0]
    except StoreAway:
        return without_others(incident, others_of(incident))


async def seen_by(incidents: IncidentStore, events: Sequence[Event], caller: Caller) -> list[Event]:
    """Return a log without the ids of other incidents that `caller` may not see at the time of reading.

    The log names incidents that everyone could see when it was written; some may be private now. Raises StoreAway.
    """
    hidden = await _hidden(incidents, [others_in(event) for event in events], caller)
    return [event_without(event, hidden) for event in events]


async def log_for(incidents: IncidentStore, incident: Incident, caller: Caller) -> list[Event]:
    """Return the log of `incident`, filtered by `seen_by`. Raises StoreAway."""
    return await seen_by(incidents, await incidents.events(incident.uid), caller)


async def _hidden(incidents: IncidentStore, named: Iterable[set[str]], caller: Caller) -> set[str]:
    ids = set[str]().union(*named) if caller.teams else set()
    if not ids:
        return set()
    uids = {id_: await incidents.uid_of(id_) for id_ in sorted(ids)}
    known = await incidents.many([uid for uid in uids.values() if uid])
    return ids - {one.id for one in known if caller.sees(one)}


async def open_page_of(
    follower: IncidentFollower, incidents: IncidentStore, filters: Filters
) -> tuple[list[Incident], Place | None]:
    """Return one page of open incidents, like `page_of`; only the incidents of the page are read. Raises StoreAway."""
    after, cache = filters.after, follower.cache
    wanted: list[IncidentSummary] = []
    # Without a filter by label, one more than the page is enough to detect a next page.
    part: list[IncidentSummary] = []
    size = BATCH if filters.labels else filters.limit + 1
    looked, last = 0, after
    async for one in in_steps(cache.newest_first((after.opened_ms, after.uid) if after else None), COMPARED):
        if not filters.keep(one):
            continue
        part.append(one)
        if len(part) == size:
            looked, last = looked + size, Place(one.opened_ms, one.uid)
            wanted += await follower.labels.matching(part, filters.labels)
            part = []
            if len(wanted) > filters.limit or looked >= LOOKED_AT:
                break
    wanted += await follower.labels.matching(part, filters.labels)
    page = wanted[: filters.limit]
    found = await _kept(await incidents.many([summary.uid for summary in page]), filters)
    if len(wanted) > len(page):
        last = Place(page[-1].opened_ms, page[-1].uid)
    elif looked < LOOKED_AT:
        last = None
    return found, last


async def search_page_of(follower: IncidentFollower, filters: Filters) -> tuple[list[IncidentSummary], Place | None]:
    """Return one page of the whole history, newest first, and the position of the next. Raises StoreAway."""
    found: list[IncidentSummary] = []
    place, looked, batch = filters.after, 0, min(PAGE, filters.limit + MORE)
    while looked < LOOKED_AT:
        before = filters.opened_before if place is None else place.opened_ms + 1
        rows = await follower.summaries.opened_before(before, batch)
        fresh = [(at, uid) for uid, at in rows if place is None or not place.behind(at, uid)]
        if not rows or (not fresh and len(rows) < batch):
            return found, None
        read = [one for one in await follower.summaries_of([uid for _, uid in fresh]) if filters.keep(one)]
        known = {one.uid: one for one in await follower.labels.matching(read, filters.labels)}
        for at, uid in sorted(fresh, reverse=True):
            if filters.opened_from is not None and at < filters.opened_from:
                return found, None
            if len(found) == filters.limit:
                return found, place
            looked, place = looked + 1, Place(at, uid)
            if uid in known:
                found.append(known[uid])
        # More than a batch in one millisecond: read on at once.
        batch = batch * 2 if not fresh else min(PAGE, batch * 2)
    return found, place


async def queue_of(follower: IncidentFollower, incidents: IncidentStore, filters: Filters) -> list[Incident]:
    """Return the incident queue: open ones of a severity that is tracked there. Raises StoreAway.

    Incidents without an owner come first, then the oldest. They are selected by their summaries; only the returned ones
    are read.
    """
    free: list[str] = []
    owned: list[str] = []
    part: list[IncidentSummary] = []
    looked = 0
    async for one in in_steps(follower.cache.oldest_first(), COMPARED):
        if not (one.queued and filters.keep(one)):
            continue
        part.append(one)
        # Labels are read in batches.
        if filters.labels and len(part) < BATCH:
            continue
        looked += len(part) if filters.labels else 0
        _sort(await follower.labels.matching(part, filters.labels), free, owned)
        part = []
        if len(free) >= filters.limit or looked >= LOOKED_AT:
            break
    _sort(await follower.labels.matching(part, filters.labels), free, owned)
    found = await _kept(await incidents.many([*free, *owned][: filters.limit]), filters)
    return sorted(found, key=_place_in_queue)


async def _kept(found: Iterable[Incident], filters: Filters) -> list[Incident]:
    steps = TimedSteps()
    return [one for one in found if await filters.keep_in_steps(one, steps)]


def _sort(found: Iterable[IncidentSummary], free: list[str], owned: list[str]) -> None:
    for one in found:
        (owned if one.owned else free).append(one.uid)


def _place_in_queue(incident: Incident) -> tuple[bool, int, str]:
    owned = incident.roles.incident_commander is not None or incident.acknowledged_by is not None
    return owned, to_ms(incident.opened_at), incident.uid
