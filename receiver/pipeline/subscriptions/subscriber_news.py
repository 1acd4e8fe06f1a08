"""The news for subscribers: published updates, announcements, and maintenance (a reminder, its start, and its end)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from receiver.model.delivery.public_incident import PublicAnnouncement, PublicIncident, PublicMaintenance, PublicPage
from receiver.model.delivery.subscription import NewsKind, SubscriberNews

STALE = timedelta(days=1)
"""Older news is not mailed."""


def news_of(
    page: PublicPage, past: Iterable[PublicIncident], reminder: timedelta, now: datetime
) -> list[SubscriberNews]:
    """Return the news for subscribers at `now`, oldest first, whether or not it was mailed already."""
    found = [one for incident in (*page.incidents, *past) for one in _updates(incident, page.url)]
    found += [_announced(one, page.url) for one in page.announcements]
    found += [one for window in page.maintenance for one in _maintenance(window, page.url, reminder, now)]
    return sorted((one for one in found if now - STALE < one.at <= now), key=lambda one: (one.at, one.key))


def ended(begun: Mapping[str, SubscriberNews], page: PublicPage, now: datetime) -> list[SubscriberNews]:
    """Return the ends of maintenance that had begun and is over, including maintenance that was ended early."""
    active = {window.id for window in page.maintenance if window.active}
    return [
        one.model_copy(update={"key": f"{about}/over", "kind": NewsKind.MAINTENANCE_OVER, "at": now})
        for about, one in begun.items()
        if about not in active
    ]


def _updates(incident: PublicIncident, url: str) -> list[SubscriberNews]:
    return [
        SubscriberNews(
            key=_key("update", incident.id, str(update.n), update.progress), kind=NewsKind.UPDATE, at=update.at,
            title=incident.title, text=update.text, progress=update.progress, components=incident.components,
            about=incident.id, link=f"{url}/incidents/{incident.id}",
        )
        for update in incident.updates
    ]  # fmt: skip


def _announced(one: PublicAnnouncement, url: str) -> SubscriberNews:
    return SubscriberNews(
        key=_key("announcement", one.id), kind=NewsKind.ANNOUNCEMENT, at=one.at, title=one.title, text=one.text,
        about=one.id, link=url, ends_at=one.until,
    )  # fmt: skip


def _maintenance(window: PublicMaintenance, url: str, reminder: timedelta, now: datetime) -> list[SubscriberNews]:
    # Maintenance that has already begun when it is first seen has no reminder, only the news of its start.
    soon = window.starts_at - reminder
    kind = NewsKind.MAINTENANCE_BEGUN if window.active else NewsKind.MAINTENANCE_SOON
    if not window.active and soon > now:
        return []
    # A window that is added after its reminder's time gets the reminder when it is first seen.
    at = window.starts_at if window.active else now
    return [
        SubscriberNews(
            key=f"{window.id}/{kind}", kind=kind, at=min(at, now), title=window.title, components=window.components,
            about=window.id, link=url, starts_at=window.starts_at, ends_at=window.ends_at,
        )
    ]  # fmt: skip


def _key(*words: str) -> str:
    return hashlib.sha256("/".join(words).encode()).hexdigest()[:24]
