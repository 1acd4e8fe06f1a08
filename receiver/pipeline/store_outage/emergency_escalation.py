"""Takes the next escalation step of known incidents while the store is unavailable, and records it afterward.

At most one step of an incident is taken, only for SEV-1 and SEV-2, and only after the pager, where its API can be
asked, does not report the page as acknowledged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import structlog

from receiver.channels.pagerduty import PagerDuty
from receiver.clock import Clock
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.store_outage.emergency_escalation import NOTE, next_step, pages_of, record_pages
from receiver.model.base import to_ms
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.open_incidents.incident_snapshots import IncidentSnapshots
from receiver.pipeline.outbox.private_notices import shown_incident
from receiver.pipeline.store_outage.emergency_pages import EmergencyPage, EmergencyPages
from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.sources.http_client import SourceClient, SourceError
from receiver.sources.pagerduty import Rest
from receiver.store.client.store_errors import Contended, StoreAway
from receiver.store.incidents.commit_request import StaleVersion

ASKS, ASK_AGAIN = 3, 5.0
"""Number of queries to the pager, and seconds between two, before a step is taken without an answer."""
TRIES = 3
"""Number of attempts to record a step; after that, the incident's own timer takes it, with the same page keys."""
FIRST = 5.0
"""Maximum seconds after the store's return for which this replica's timers wait until its steps are recorded."""

log = structlog.get_logger("receiver.emergency")


@dataclass
class EmergencyStep:
    """One incident whose next step is due while the store is unavailable, and its progress."""

    incident: Incident
    """Its state when the store became unavailable, or as a slow store has returned it since."""
    next_at: float = 0.0
    """Monotonic seconds of the next query to the pager."""
    asks: int = 0
    busy: bool = False
    answered: bool = False
    """Whether the pager reports it as acknowledged or resolved: no step is taken."""
    draft: Transition | None = None
    """The events of the step once it is taken."""
    pages: list[tuple[Page, EmergencyPage]] = field(default_factory=list)
    """Each page as recorded, and as sent."""
    tries: int = 0

    @property
    def sent(self) -> bool:
        """Whether any page may have reached the vendor."""
        return any(one.attempts for _, one in self.pages)


class EmergencyEscalation:
    """The steps of this replica, by the uid of their incident."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        snapshots: IncidentSnapshots,
        pages: EmergencyPages,
        intake: Intake,
        monitor: StoreMonitor,
        source_client: SourceClient,
        clock: Clock,
    ) -> None:
        """`pages` sends the pages of a step; `source_client` connects to the pager's API, if a token is configured."""
        self.setting = setting
        self.snapshots = snapshots
        self.pages = pages
        self.intake = intake
        self.monitor = monitor
        self.source_client = source_client
        self.clock = clock
        self.spawn: Callable[[str, Callable[[], Awaitable[None]]], None]
        """Runs a step in the background."""
        self.told: Callable[[str, str, str], object] = lambda channel, key, url: None
        """Called with channel, key and address of each page for which the pager returns an address."""
        self._steps: dict[str, EmergencyStep] = {}
        self._back_at = 0.0

    @property
    def recording(self) -> bool:
        """Whether timers must wait, because they would repeat a step that is being recorded."""
        soon = self.clock.monotonic() - self._back_at < FIRST
        return soon and any(step.sent for step in self._steps.values())

    def run_once(self) -> None:
        """Start due steps while the store is unavailable. Once it is back, record sent steps and drop the others."""
        if self.monitor.gone:
            self._back_at = self.clock.monotonic()
            if self.monitor.surely_gone and self._long_enough():
                self._begin()
            return
        for uid, step in list(self._steps.items()):
            if step.busy or any(one.busy for _, one in step.pages):
                continue
            if step.draft is None or not step.sent:
                self._forget(uid)
                continue
            step.busy = True
            self.spawn("record", partial(self._record, step))

    def _long_enough(self) -> bool:
        # A restarting store is back before anyone must be paged without it.
        setting, since = self.setting(), self.monitor.since
        if not setting.emergency_paging or since is None:
            return False
        return self.clock.monotonic() - since >= setting.emergency_after.total_seconds()

    def _begin(self) -> None:
        setting, now, moment = self.setting(), self.clock.now(), self.clock.monotonic()
        for incident in self.snapshots.due(to_ms(now)):
            step = self._steps.get(incident.uid)
            if step is None and next_step(incident, setting.policy.of(incident), now) is not None:
                step = self._steps[incident.uid] = EmergencyStep(incident)
            if step is None or step.busy or step.answered or step.draft is not None or moment < step.next_at:
                continue
            step.busy = True
            self.spawn("escalate", partial(self._take, step))
        if any(not one.accepted for step in self._steps.values() for _, one in step.pages):
            self.pages.send(setting, now)

    async def _take(self, step: EmergencyStep) -> None:
        try:
            setting = self.setting()
            try:
                step.answered = await self._answered(step.incident, setting)
            except SourceError as error:
                step.asks += 1
                step.next_at = self.clock.monotonic() + ASK_AGAIN
                log.warning("pager_lookup_failed", incident=step.incident.id, reason=error.reason, asks=step.asks)
                if step.asks < ASKS:
                    return
            if step.answered:
                log.info("escalation_postponed", incident=step.incident.id, reason="answered at the pager")
                return
            await self._read_again(step)
            if self.monitor.surely_gone:
                self._page(step, setting)
        finally:
            step.busy = False

    async def _read_again(self, step: EmergencyStep) -> None:
        # A slow store still answers: another replica may have recorded an acknowledgement.
        with suppress(StoreAway):
            newest = await self.intake.incidents.incident(step.incident.uid)
            if newest is not None and newest.version > step.incident.version:
                self.snapshots.keep(newest)
                step.incident = newest

    async def _answered(self, incident: Incident, setting: ActiveConfig) -> bool:
        questions = []
        for page in incident.unanswered:
            channel = setting.channels.get(page.channel)
            if isinstance(channel, PagerDuty) and (token := channel.settings.api_token.get_secret_value()):
                questions.append(self._ask(page, Rest(self.source_client, channel.settings.rest, token)))
        return any(await asyncio.gather(*questions))

    async def _ask(self, page: Page, rest: Rest) -> bool:
        said = await rest.page(page.key)
        if said.url:
            # Nothing is written while the store is unavailable: this replica shows the address to people who look for
            # the page.
            self.told(page.channel, page.key, said.url)
        return said.answered

    def _page(self, step: EmergencyStep, setting: ActiveConfig) -> None:
        now = self.clock.now()
        draft = next_step(step.incident, setting.policy.of(step.incident), now)
        if draft is None:
            return
        # Without the store, only a channel that identifies a page by its key can distinguish a repetition from a new
        # page.
        keyed = [one for one in pages_of(draft.events) if (to := setting.channels.get(one.channel)) and to.keyed]
        step.draft = draft
        if not keyed:
            return
        for page in keyed:
            sent = page.model_copy(update={"note": NOTE})
            text = f"[{step.incident.severity}] {NOTE}: {shown_incident(step.incident).title} ({step.incident.label})"
            one = self.pages.add(sent, draft.incident, text)
            one.allows = self._lets
            step.pages.append((page, one))
        people = [page.person for page in keyed]
        log.critical("incident_escalated_without_store", incident=step.incident.id, people=people)
        self.pages.send(setting, now)

    def _lets(self) -> bool:
        return self.monitor.surely_gone

    async def _record(self, step: EmergencyStep) -> None:
        step.tries += 1
        try:
            await self._commit(step)
        except StoreAway:
            step.tries -= 1
            raise
        else:
            step.tries = TRIES
        finally:
            step.busy = False
            if step.tries >= TRIES:
                # It is recorded, or it fails for another reason: then the timer takes the step, with the same page
                # keys.
                self._forget(step.incident.uid)

    async def _commit(self, step: EmergencyStep) -> None:
        draft, adopted = step.draft, [(page, one.accepted) for page, one in step.pages if one.attempts]
        for _ in range(TRIES):
            if draft is None or not draft.events:
                return
            try:
                await self._write(draft, adopted)
            except StaleVersion:
                # Another replica reached the store meanwhile, or was faster now.
                incident = await self.intake.incidents.incident(step.incident.uid)
                pages = [page for page, _ in adopted]
                draft = record_pages(incident, pages, self.clock.now()) if incident is not None else None
                continue
            return
        raise Contended("every attempt conflicted with another change")

    async def _write(self, draft: Transition, adopted: Sequence[tuple[Page, bool]]) -> None:
        reason = draft.events[-1].reason
        verdict = IntakeDecision(Outcome.UPDATED, reason, draft.incident, draft.events)
        await self.intake.writer.commit(verdict, self.setting(), self.clock.now(), adopted=adopted)
        log.warning("escalation_recorded", incident=draft.incident.id, reason=reason, pages=len(adopted))

    def _forget(self, uid: str) -> None:
        step = self._steps.pop(uid, None)
        if step is not None:
            self.pages.drop(one for _, one in step.pages)
