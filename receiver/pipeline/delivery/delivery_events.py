"""Side effects of a delivery that belong in the log: a page permanently refused, a fallback channel."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import structlog

from receiver.clock import Clock
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.paging.escalation_steps import BACKUP
from receiver.incident.paging.fallback_channels import fallback_channels, use_fallback_channels
from receiver.incident.paging.page_responders import page_recipients
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.recipients import Recipient, backup_of
from receiver.metrics import Metrics
from receiver.model.base import to_ms
from receiver.model.delivery.notice import Action, Notice
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.severity import Severity
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.event_metrics import count_events
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.outbox.page_actions import page_action
from receiver.store.client.connection import Contended
from receiver.store.due.due_set import DueSet, LeasedRow
from receiver.store.incidents.commit_request import StaleVersion
from receiver.store.incidents.incident_store import IncidentStore

TRIES = 12
"""Maximum number of attempts if others commit first."""
ACTOR = Actor(kind=ActorKind.TIMER, name="delivery")

log = structlog.get_logger("receiver.delivery")


class DeliveryEvents:
    """Writes these events, with retries if others commit first."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        incidents: IncidentStore,
        due: DueSet,
        clock: Clock,
        metrics: Metrics,
        intake: Callable[[], Intake],
    ) -> None:
        """Commits go through the intake's `commit`, like all changes."""
        self.setting = setting
        self.incidents = incidents
        self.due = due
        self.clock = clock
        self.metrics = metrics
        self.intake = intake

    async def page_failed(self, row: LeasedRow, incident: Incident, reason: str) -> None:
        """A page was permanently refused: page its person through the fallback channels, and page the contact's backup.

        Raises StoreAway.
        """
        key = row.to.address

        def write(draft: Transition, policy: Policy) -> None:
            page = _page(draft.incident, key)
            said = any(event.kind is Kind.PAGE_FAILED for event in draft.events)
            if page is None or page.ring != draft.incident.ring or said or not _calls(page, draft.incident):
                return
            text = f"page to {page.person} failed permanently ({reason.replace('_', ' ')})"
            whom = {"person": page.person, "contact": page.contact}
            draft.add(Kind.PAGE_FAILED, reason, text, whom, policy.informs)
            if key not in draft.incident.detoured:
                use_fallback_channels(draft, policy, page, reason)
            backup = backup_of(policy, page.contact, draft.now)
            if backup:
                page_recipients(draft, policy, [Recipient(page.contact, backup)], BACKUP)

        await self._commit(incident, write)

    async def use_fallback(self, incident: Incident | None, notice: Notice, reason: str) -> None:
        """A page did not get through: page its person through the fallback channels, once. Raises StoreAway."""
        page = notice.page
        if page is None:
            return
        if incident is None:
            await self._stray(page, notice.text, reason)
            return

        def write(draft: Transition, policy: Policy) -> None:
            ours = _page(draft.incident, page.key)
            if ours is None or page.key in draft.incident.detoured:
                return
            called_for = ours.called_for(draft.incident.called)
            if called_for and page_action(ours, draft.incident) is Action.TRIGGER:
                use_fallback_channels(draft, policy, ours, reason)

        await self._commit(incident, write)

    async def _stray(self, page: Page, text: str, reason: str) -> None:
        # The sender decides how urgent a page outside any incident is, so the fallback channels of the worst severity
        # apply.
        said = f"{page.channel} cannot be reached ({reason.replace('_', ' ')}): a page to {page.person}: {text}"
        memory = {"text": said, "mentions": [page.person]}
        found = fallback_channels(self.setting().policy, Severity.SEV1, page.person)
        rows = [(f"- {to.channel} detour {page.key} {to.address}"[:300], to.channel, to, memory) for to in found]
        if rows:
            await self.due.owe(rows, to_ms(self.clock.now()), f"detour {page.key}")

    async def _commit(self, incident: Incident, write: Callable[[Transition, Policy], None]) -> None:
        for _ in range(TRIES):
            fresh = await self.incidents.incident(incident.uid)
            if fresh is None:
                return
            setting = self.setting()
            draft = Transition(fresh, ACTOR, self.clock.now())
            write(draft, setting.policy.of(fresh))
            if not draft.events:
                return
            verdict = IntakeDecision(Outcome.UPDATED, draft.events[-1].reason, draft.incident, draft.events)
            with suppress(StaleVersion):
                done = await self.intake().writer.commit(verdict, setting, self.clock.now())
                if done.incident is not None:
                    count_events(self.metrics, done.incident, draft.events)
                    kind, reason = draft.events[0].kind, draft.events[0].reason
                    log.warning("incident_changed", incident=done.incident.id, outcome=kind, reason=reason)
                return
        raise Contended("every attempt conflicted with another change")


def _page(incident: Incident, key: str) -> Page | None:
    return next((page for page in incident.pages if page.key == key), None)


def _calls(page: Page, incident: Incident) -> bool:
    # If it was answered meanwhile, no one else is paged; but a page that reached no one is sent again if the severity
    # rises.
    if not page.called_for(incident.called):
        return False
    raised = 0 if page.key in incident.detoured else incident.raised
    return page_action(page.model_copy(update={"seq": max(page.seq, raised)}), incident) is Action.TRIGGER
