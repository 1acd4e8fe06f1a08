"""Sends pages without the store: once per key, retried until the vendor accepts them."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from receiver.channels.base import DeliveryError
from receiver.clock import Clock
from receiver.incident.alerts.alert_storm import storm_key
from receiver.incident.log.notification_outcome import NotificationPart
from receiver.incident.paging.policy import Policy
from receiver.incident.store_outage.emergency_pages import (
    above_limit,
    emergency_pages,
    first_episode,
    storm_began,
    storm_pages,
)
from receiver.metrics import Metrics
from receiver.model.delivery.notice import Action, Notice
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.severity import Severity
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.delivery.delivery_results import PAGE_WAIT
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.outbox.private_notices import PRIVATE, sealed
from receiver.pipeline.store_outage.unstored_incident import bare_incident

AT_ONCE = 32
"""Maximum number of concurrent emergency pages."""
STUCK_WAIT = 30.0
"""Seconds until a page is retried whose channel a reload has removed."""
LONGEST_WAIT = 30.0
"""Maximum seconds between two attempts at a page."""

REMEMBERED, FOR = 4000, 15 * 60.0
"""How many accepted pages are remembered, and for how many seconds, so that their rows do not send them again."""
GATHER = 1.0
"""Seconds from the first group above the storm limit to the page that lists the groups."""
NAMED = 20
"""Maximum number of groups that are named; the others are counted."""

log = structlog.get_logger("receiver.emergency")


@dataclass
class EmergencyPage:
    """One emergency page and its progress."""

    page: Page
    incident: Incident
    """The incident in the page; it was never stored."""
    next_at: float
    text: str = ""
    """The text that replaces the one of an emergency page, for a step of an incident's escalation."""
    attempts: int = 0
    accepted: bool = False
    busy: bool = False
    allows: Callable[[], bool] = lambda: True
    """Returns whether it may be sent now: not while it is being adopted, and not once the store answers."""


class EmergencyPages:
    """The emergency pages of this replica, by channel and key."""

    def __init__(self, incident_cache: IncidentCache, clock: Clock, metrics: Metrics) -> None:
        """Create it without pages."""
        self.incident_cache = incident_cache
        self.clock = clock
        self.metrics = metrics
        self.spawn: Callable[[str, Callable[[], Awaitable[None]]], None]
        """Runs a step in the background."""
        self.doubtful: Callable[[], bool] = lambda: False
        """Returns whether the store may be available again: then nothing is sent."""
        self.lets_storm: Callable[[], bool] = lambda: True
        """Like EmergencyPage.lets, for the pages of a storm."""
        self.storm: list[EmergencyPage] = []
        """The pages of storms, one for each team, which stand for all groups above the limit."""
        self.storm_began: datetime | None = None
        self._pages: dict[tuple[str, str], EmergencyPage] = {}
        self._episodes: dict[str, int] = {}
        """The episode of the first page by correlation key: a group that shrinks keeps its page keys."""
        self._paged: dict[str, datetime] = {}
        """When each correlation key was first paged, within the storm's time."""
        self._team_of: dict[str, str] = {}
        """The team of each correlation key, because each team has its own storms."""
        self._held_back: dict[str, Incident] = {}
        self._accepted: dict[tuple[str, str], float] = {}
        """When pages were accepted (monotonic), including those adopted since, oldest first."""
        self._storm_since: float | None = None

    @property
    def waiting(self) -> bool:
        """Whether a page was not accepted yet, or a storm must be paged."""
        return any(not one.accepted for one in self._pages.values()) or self._storm_since is not None

    def decide(
        self,
        parts: Iterable[NotificationPart],
        setting: ActiveConfig,
        now: datetime,
        episodes: Mapping[str, int] | None = None,
        in_doubt: Container[str] = (),
    ) -> tuple[list[EmergencyPage], bool]:
        """Return the new pages for these parts, and whether a storm holds some back.

        One page lists everything above the storm limit. `episodes`: the episode when each correlation key was first
        refused; without it, that of the alerts now. `in_doubt`: uids of commits whose answer was lost.
        """
        episodes, made, capped = episodes or {}, list[EmergencyPage](), False
        self._forget_old_pages(setting.policy, now)
        for part in parts:
            if part.key in self._held_back:
                capped = True
                continue
            sent = [one.page for one in self._pages.values()]
            known = self.incident_cache.at(part.key)
            episode = self._episodes.get(part.key)
            if episode is None:
                episode = first_episode(part, known, episodes.get(part.key))
            doubted = known is not None and known.uid in in_doubt
            found = emergency_pages(part, known, setting.policy, now, sent, episode, doubted)
            if not found:
                continue
            incident = bare_incident(part, found[0], now, setting.policy)
            if part.key not in self._paged:
                if self._above_limit(part, incident.severity, setting.policy, now):
                    self._held_back[part.key] = incident
                    capped = True
                    continue
                self._paged[part.key], self._team_of[part.key] = now, part.team
            self._episodes[part.key] = episode
            made += [self.add(page, bare_incident(part, page, now, setting.policy)) for page in found]
        if capped and self._storm_since is None:
            self._storm_since = self.clock.monotonic()
        return made, capped

    def _above_limit(self, part: NotificationPart, severity: Severity, policy: Policy, now: datetime) -> bool:
        paged = [at for key, at in self._paged.items() if self._team_of.get(key, "") == part.team]
        return above_limit(severity, paged, policy, now)

    def _forget_old_pages(self, policy: Policy, now: datetime) -> None:
        if policy.storm is not None:
            within = policy.storm[1]
            self._paged = {k: at for k, at in self._paged.items() if k in self._episodes or now - at <= within}
            self._team_of = {key: team for key, team in self._team_of.items() if key in self._paged}

    def add(self, page: Page, incident: Incident, text: str = "") -> EmergencyPage:
        """Send `page` with the next `send`, and return its progress; `text` as in EmergencyPage."""
        name = (page.channel, page.key)
        one = self._pages.get(name)
        if one is None:
            one = self._pages[name] = EmergencyPage(page, incident, self.clock.monotonic(), text)
        return one

    def drop(self, pages: Iterable[EmergencyPage]) -> None:
        """Forget pages of an incident's escalation; the emergency pages of its group stay."""
        for one in pages:
            if one.text:
                self._pages.pop((one.page.channel, one.page.key), None)

    def _page_storm(self, setting: ActiveConfig, now: datetime) -> None:
        # A moment after the first group, so that one page lists all groups that arrive together.
        if self._storm_since is None or self.clock.monotonic() - self._storm_since < GATHER:
            return
        paged = {one.incident.team for one in self.storm}
        for team in dict.fromkeys(one.team for one in self._held_back.values() if one.team not in paged):
            self._page_storm_of(team, setting, now)

    def _page_storm_of(self, team: str, setting: ActiveConfig, now: datetime) -> None:
        held = [one for one in self._held_back.values() if one.team == team]
        severity = min((one.severity for one in held), key=lambda severity: severity.rank)
        names = ", ".join(PRIVATE if one.private else one.title for one in held[:NAMED]) + (
            f" and {len(held) - NAMED} more" if len(held) > NAMED else ""
        )
        began = self.storm_began = self.storm_began or storm_began(now)
        for page in storm_pages(severity, setting.policy.for_team(team), began, now):
            title = f"Storm: {len(held)} more groups of alerts are firing: {names}"[:1000]
            change = {"key": storm_key(team), "title": title, "severity": severity, "pages": (page,)}
            one = self.add(page, held[0].model_copy(update=change))
            one.allows = self.lets_storm
            self.storm.append(one)

    async def adopt_storm(self, intake: Intake, setting: ActiveConfig, now: datetime) -> None:
        """Open the incidents that stand for the storms that were paged without the store. Raises StoreAway."""
        for team in dict.fromkeys(one.incident.team for one in self.storm):
            held = [one for one in self._held_back.values() if one.team == team]
            sent = [one for one in self.storm if one.incident.team == team]
            severity, why = sent[0].incident.severity, f"{len(held)} groups while the store was unavailable"
            pages = [(one.page, one.accepted) for one in sent]
            await intake.storms.open(severity, why, setting, now, pages, self.storm_began, team=team)
            log.warning("emergency_adopted", incident="storm", pages=len(pages))
        if self.storm:
            self.forget(self.storm)
            self.storm, self._storm_since, self.storm_began, self._held_back = [], None, None, {}

    def adopted(self, pages: Iterable[EmergencyPage]) -> dict[str, Sequence[tuple[Page, bool]]]:
        """Return pages by correlation key, each with whether the vendor accepted it; the commit adopts them."""
        found: dict[str, list[tuple[Page, bool]]] = {}
        for one in pages:
            found.setdefault(one.incident.key, []).append((one.page, one.accepted))
        return dict(found)

    def accepted_lately(self, channel: str, key: str) -> bool:
        """Return whether the vendor has accepted a page from this replica that was sent without the store."""
        at = self._accepted.get((channel, key))
        return at is not None and self.clock.monotonic() - at < FOR

    def forget(self, pages: Iterable[EmergencyPage]) -> None:
        """Forget pages that were adopted or never will be."""
        for one in pages:
            self._pages.pop((one.page.channel, one.page.key), None)
            self._episodes.pop(one.incident.key, None)

    def send(self, setting: ActiveConfig, now: datetime) -> None:
        """Start an attempt at each due page. One that hangs does not delay the others."""
        if self.doubtful():
            return
        self._page_storm(setting, now)
        free = AT_ONCE - sum(one.busy for one in self._pages.values())
        moment = self.clock.monotonic()
        waiting = [one for one in self._pages.values() if not one.accepted and not one.busy and moment >= one.next_at]
        due = [one for one in waiting if one.allows()]
        for one in sorted(due, key=lambda one: one.attempts)[: max(0, free)]:
            one.busy = True
            self.spawn("emergency", partial(self._send, one, setting, now))

    async def _send(self, one: EmergencyPage, setting: ActiveConfig, now: datetime) -> None:
        try:
            await self._try(one, setting, now)
        finally:
            one.busy = False

    async def _try(self, one: EmergencyPage, setting: ActiveConfig, now: datetime) -> None:
        channel = setting.channels.get(one.page.channel)
        if channel is None:
            # A reload has removed it, and may add it again; meanwhile it is tried after those that can be sent.
            one.attempts += 1
            one.next_at = self.clock.monotonic() + STUCK_WAIT
            self.metrics.emergency_pages.labels("stuck").inc()
            log.error("emergency_page_blocked", person=one.page.person, key=one.page.key, channel=one.page.channel)
            return
        notice = _notice(one, setting, now)
        one.attempts += 1
        wait = min(LONGEST_WAIT, 2.0**one.attempts * random.uniform(0.5, 1))  # noqa: S311
        # Set before it is sent: if the attempt fails for any reason, the page is retried after the others.
        one.next_at = self.clock.monotonic() + wait
        outcome = "ok"
        try:
            await channel.send(sealed(notice))
        except DeliveryError as error:
            one.next_at = self.clock.monotonic() + max(min(error.retry_after or 0.0, PAGE_WAIT), wait)
            outcome = error.reason
        else:
            one.accepted = True
            self._accepted[one.page.channel, one.page.key] = self.clock.monotonic()
            if len(self._accepted) > REMEMBERED:
                del self._accepted[next(iter(self._accepted))]
        self.metrics.deliveries.labels(one.page.channel, "trigger", outcome).inc()
        self.metrics.emergency_pages.labels("accepted" if one.accepted else "failed").inc()
        log.critical(
            "emergency_page_attempted",
            person=one.page.person,
            key=one.page.key,
            outcome=outcome,
            severity=one.incident.severity,
        )


def _notice(one: EmergencyPage, setting: ActiveConfig, now: datetime) -> Notice:
    incident = one.incident
    return Notice(
        key=one.page.key,
        action=Action.TRIGGER,
        address=one.page.address,
        incident=incident,
        page=one.page,
        text=one.text or f"EMERGENCY PAGE (the incident store is unavailable): {incident.title}",
        links=setting.links(incident, now) if incident.uid else (),
        url=setting.url(incident) if incident.uid else None,
        repeat=one.attempts > 0,
        now=now,
    )
