"""Who is paged while the store is unavailable: decided from the notification, the rules and the incidents in memory."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from datetime import datetime

from receiver.incident.alerts.alert_storm import storm_key
from receiver.incident.alerts.maintenance_hold import WINDOW, in_maintenance
from receiver.incident.log.notification_outcome import NotificationPart
from receiver.incident.paging.page_hours import pages_wait_until
from receiver.incident.paging.planned_pages import episode_of, plan_pages
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.recipients import find_recipients
from receiver.model.alert.alert import Alert
from receiver.model.base import to_ms
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.state import State
from receiver.model.severity import Severity, worst

PAGED = (Severity.SEV1, Severity.SEV2)
"""The severities that are paged without a store (`incidents.emergency_paging`)."""

STORM_ROUNDED = 10
"""Minutes to which the beginning of a storm without the store is rounded down."""


def emergency_pages(
    part: NotificationPart,
    known: Incident | None,
    policy: Policy,
    now: datetime,
    sent: Iterable[Page] = (),
    episode: int | None = None,
    unconfirmed: bool = False,
) -> list[Page]:
    """Return the pages for a notification that cannot be stored. Nothing is resolved here.

    `known`: the newest incident of the key in this replica's memory. Its people are not paged again, and it stays
    closed if a person has closed it over these alerts. `sent`: the emergency pages so far. `episode`: that of the first
    page for this key, so that a shrinking group keeps its page keys. Alerts in a maintenance window page no one.
    `unconfirmed`: the answer to the commit that opened `known` was lost, so its pages are sent under the same keys.
    """
    firing = [alert for alert in part.alerts if alert.firing]
    severity = worst(part.decisions[alert.fingerprint].severity for alert in firing)
    if severity not in PAGED or in_maintenance(policy, [alert.labels for alert in firing], now) is not None:
        return []
    ring, paged, view = 1, list(sent), policy.for_team(part.team)
    if pages_wait_until(view.plan.severities[severity], now) is not None:
        return []  # its pages wait for page hours; it is stored before then, or sent again
    before: tuple[Page, ...] = ()
    episode = episode if episode is not None else first_episode(part, known)
    if known is not None and known.state is State.CLOSED and _closed_over(known, firing, severity):
        return []
    if known is not None and known.state is State.RESOLVED and known.resolved_at is not None:
        if now - known.resolved_at <= policy.reopen_within:
            episode, ring, before, view = known.episode, known.ring + 1, known.pages, policy.of(known)
    elif known is not None and not known.state.over:
        pages = _pages_so_far(known, severity, unconfirmed=unconfirmed)
        if pages is None:
            return []
        episode, ring, view, before = known.episode, known.ring, policy.of(known), pages
        paged.extend(before)
    key = known.key if known is not None and (ring > 1 or not known.state.over) else part.key
    made = _pages(view, severity, key=key, episode=episode, ring=ring, paged=before, now=now)
    done = {(page.channel, page.key) for page in paged}
    return [page for page in made if (page.channel, page.key) not in done]


def _pages_so_far(known: Incident, severity: Severity, *, unconfirmed: bool) -> tuple[Page, ...] | None:
    # The pages of an open incident that count as sent; None if it needs no page.
    released = (known.held or "").startswith(WINDOW)  # a window held it, and no longer covers all of it
    # All its alerts had ended, and no one has acknowledged: its pages are resolved, and one fires again now.
    quiet = known.calling_state is State.MONITORING and known.resume in (None, State.OPEN) and not known.firing
    unconfirmed = unconfirmed and known.state is State.OPEN and known.ring == 1 and known.held is None
    if not severity.worse_than(known.severity) and not released and not quiet and not unconfirmed:
        return None
    return () if unconfirmed else _withdrawn(known) if quiet else known.pages


def first_episode(part: NotificationPart, known: Incident | None, began: int | None = None) -> int:
    """Return the episode of an incident that a notification would open, as lifecycle determines it with the store.

    An ended alert counts as long as its group contains it, because the replica that received the group first paged for
    it. `began`: the episode of the group's alerts when this replica first refused it; None: the episode of the alerts
    in the notification.
    """
    episode = began if began is not None else episode_of(alert.starts_at for alert in part.alerts)
    again = known is not None and known.key == part.key and known.state.over
    return max(episode, known.episode + 1) if known is not None and again else episode


def storm_pages(severity: Severity, policy: Policy, began: datetime, now: datetime) -> list[Page]:
    """Return the pages of the storm that began at `began`, which stands for all incidents above the storm limit."""
    return _pages(policy, severity, key=storm_key(policy.team), episode=to_ms(began), ring=1, paged=(), now=now)


def storm_began(now: datetime) -> datetime:
    """Return the time that identifies a storm in its page keys; separated replicas mostly get the same one."""
    return now.replace(minute=now.minute - now.minute % STORM_ROUNDED, second=0, microsecond=0)


def above_limit(severity: Severity, paged: Iterable[datetime], policy: Policy, now: datetime) -> bool:
    """Return whether a group of `severity` is part of a storm; `paged`: when other groups were paged without the store.

    SEV-1 never is (`ingest.storm`).
    """
    if policy.storm is None or severity is Severity.SEV1:
        return False
    most, within = policy.storm
    return sum(now - moment <= within for moment in paged) >= most


def _pages(
    policy: Policy, severity: Severity, *, key: str, episode: int, ring: int, paged: Iterable[Page], now: datetime
) -> list[Page]:
    wanted = find_recipients(policy, policy.directory.severity(severity).page, now)
    made, _ = plan_pages(
        policy, wanted, key=key, episode=episode, ring=ring, paged=paged, step="emergency", now=now, severity=severity,
        every_step=True,
    )  # fmt: skip
    return sent_without_store(made, policy.keyed, policy.mute)


def sent_without_store(pages: Sequence[Page], keyed: Container[str], mute: Container[str] = ()) -> list[Page]:
    """Return which of `plan_pages` are sent without the store, in their order.

    For each person, these are the pages by channels in `keyed`, whose vendor deduplicates the same page from two
    replicas; if a person has none, the first page. Only the first matching step of a personal rule is used. Channels in
    `mute` wake no one: they are used in addition, and replace no other channel.
    """
    audible = [page for page in pages if page.channel not in mute]
    reached = {page.person for page in audible if page.channel in keyed}
    first: dict[str, Page] = {}
    fits: dict[str, Page] = {}
    for page in (one for one in audible if one.channel in keyed):
        fits.setdefault(page.person, page)
    for page in audible:
        first.setdefault(page.person, page)

    def goes(page: Page) -> bool:
        if page.channel in mute:
            return True
        if page.rule_step is not None and page.person in fits:
            return fits[page.person] is page
        if page.channel in keyed:
            return True
        return page.person not in reached and first[page.person] is page

    return [page for page in pages if goes(page)]


def _closed_over(known: Incident, firing: Iterable[Alert], severity: Severity) -> bool:
    # As lifecycle decides with the store, as far as possible without the alerts' records: alerts that began after the
    # closing are new, and the person who closed the incident has not seen alerts that are more severe than it ever was.
    closed = known.closed_at or known.resolved_at
    anew = closed is None or any(alert.starts_at > closed for alert in firing)
    return not anew and not severity.worse_than(known.severity)


def _withdrawn(known: Incident) -> tuple[Page, ...]:
    keys = {page.key for page in known.unanswered}
    return tuple(page.model_copy(update={"withdrawn": page.withdrawn or page.key in keys}) for page in known.pages)
