"""What the doors for reading ask of the store: a page of the list, and one incident by its id."""

from __future__ import annotations

from receiver.model.base import to_ms
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.stepped_loop import COMPARED, in_steps
from receiver.web.http.error_responses import Refusal
from receiver.web.http.query_parameters import Filters, Place

BATCH = 500
LOOKED_AT = 10_000
"""Incidents that one request looks through at most; a page may then be short and still have a next one."""
LONGEST_ID = 100


async def page_of(incidents: IncidentStore, filters: Filters) -> tuple[list[Incident], Place | None]:
    """Return one page, newest first, and where the next begins; None when there is no more. Raises StoreAway."""
    found: list[Incident] = []
    place, looked, batch = filters.after, 0, min(BATCH, filters.limit + 1)
    while looked < LOOKED_AT:
        # The index is asked from the millisecond of the place on, which may hold others than those that were given.
        before = None if place is None else place.opened_ms + 1
        rows = await incidents.listing(open_only=filters.open is True, before=before, most=batch)
        fresh = [row for row in rows if place is None or not place.passed(row)]
        if not rows or (not fresh and len(rows) < batch):
            return found, None
        for incident in sorted(fresh, key=lambda one: (to_ms(one.opened_at), one.uid), reverse=True):
            if len(found) == filters.limit:
                return found, place
            looked += 1
            place = Place(to_ms(incident.opened_at), incident.uid)
            if filters.keep(incident):
                found.append(incident)
        # More than a batch in one millisecond: look further at once.
        batch = batch * 2 if not fresh else max(batch, BATCH)
    return found, place


async def by_id(incidents: IncidentStore, number: str) -> Incident:
    """Return the incident `INC-...`. Raises Refusal (404) when there is none, and StoreAway."""
    # A path may decode to what no id is and what the store's client cannot encode.
    if len(number) <= LONGEST_ID and number.isprintable():
        uid = await incidents.uid_of(number)
        incident = await incidents.incident(uid) if uid else None
        if incident is not None:
            return incident
    raise Refusal(404, "unknown_incident", "there is no such incident")


async def open_page_of(
    cache: IncidentCache, incidents: IncidentStore, filters: Filters
) -> tuple[list[Incident], Place | None]:
    """Return one page of what is open, as `page_of` does; only the incidents of the page are read. Raises StoreAway."""
    after = filters.after
    wanted: list[IncidentSummary] = []
    async for one in in_steps(cache.newest_first((after.opened_ms, after.uid) if after else None), COMPARED):
        if filters.keep(one):
            wanted.append(one)
            if len(wanted) > filters.limit:
                break
    page = wanted[: filters.limit]
    found = [one for one in await incidents.many([summary.uid for summary in page]) if filters.keep(one)]
    following = Place(page[-1].opened_ms, page[-1].uid) if len(wanted) > len(page) else None
    return found, following


async def queue_of(cache: IncidentCache, incidents: IncidentStore, filters: Filters) -> list[Incident]:
    """Return the incident queue: open ones of a severity that is tracked there. Raises StoreAway.

    Those that nobody owns come first, then the oldest first. Which they are is known from their summaries; only those
    that are returned are read.
    """
    free: list[str] = []
    owned: list[str] = []
    async for one in in_steps(cache.oldest_first(), COMPARED):
        if one.queued and filters.keep(one):
            (owned if one.owned else free).append(one.uid)
            if len(free) == filters.limit:
                break
    found = await incidents.many([*free, *owned][: filters.limit])
    return sorted((one for one in found if filters.keep(one)), key=_place_in_queue)


def _place_in_queue(incident: Incident) -> tuple[bool, int, str]:
    owned = incident.roles.incident_commander is not None or incident.acknowledged_by is not None
    return owned, to_ms(incident.opened_at), incident.uid
