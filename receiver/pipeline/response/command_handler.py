"""Carries out people's commands: load, decide, commit. API, Slack, PagerDuty and console all use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from receiver.incident.followup.hidden_entries import restated
from receiver.incident.log.command_errors import IllegalCommand, ImpossibleCommand, InvalidField
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.paging.policy import Policy
from receiver.incident.response.declaration import declare
from receiver.incident.response.firing_alerts import firing_after, still_firing
from receiver.incident.response.merge import absorb_incident, merge_incident
from receiver.incident.response.state_commands import may_reopen, on_command
from receiver.incident.timers import HAND_OVER
from receiver.metrics import Metrics
from receiver.model.command import Command, CorrectEntry, Declare
from receiver.model.delivery.notice import Action
from receiver.model.incident.event import Actor, Event
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.event_metrics import count_events
from receiver.pipeline.intake.intake import Intake
from receiver.store.client.connection import Contended
from receiver.store.incidents.commit_request import RepeatedNotification, StaleVersion, new_uid
from receiver.store.incidents.incident_store import IncidentStore

TRIES = 12
"""Maximum number of attempts if others commit first."""

log = structlog.get_logger("receiver.respond")


class UnknownIncident(LookupError):
    """There is no such incident."""


class VersionConflict(Exception):
    """The incident is not at the version that the caller has seen (If-Match)."""

    def __init__(self, incident: Incident) -> None:
        """`incident`: its current state."""
        super().__init__(f"{incident.label} is at version {incident.version}")
        self.incident = incident


class IdempotencyKeyReused(Exception):
    """The idempotency key was used before, for another command."""


@dataclass(frozen=True)
class CommandResult:
    """The result of a command."""

    incident: Incident
    """Its state after the command."""
    events: tuple[Event, ...]
    """The events of the command; empty if it changed nothing."""
    repeated: bool = False
    """True if this request was carried out before, so nothing was written now."""
    warning: str | None = None
    """What the caller should know: that alerts of an ended incident still fire."""


class CommandHandler:
    """Decides and commits commands."""

    def __init__(
        self, setting: Callable[[], ActiveConfig], incidents: IncidentStore, intake: Intake, metrics: Metrics
    ) -> None:
        """Commands are committed by the intake's `commit`, like all changes."""
        self.setting = setting
        self.incidents = incidents
        self.intake = intake
        self.metrics = metrics

    async def act(
        self,
        number: str,
        command: Command,
        actor: Actor,
        now: datetime,
        *,
        expected: int | None = None,
        once: str | None = None,
        what: str = "",
        origin: str | None = None,
    ) -> CommandResult:
        """Carry out `command` on the incident `number` (INC-2026-0001, or its uid) and return the result.

        `expected`: the version that the caller has seen. `once`: an idempotency key, stored for 7 days with `what`.
        `origin`: the page key that the command came from, to which it is not sent back.
        Raises UnknownIncident, IllegalCommand, ImpossibleCommand, VersionConflict, IdempotencyKeyReused, StoreAway.
        """
        if (same := await self.repeated(once, what)) is not None:
            return same
        for _ in range(TRIES):
            incident = await self._at_version(number, expected)
            setting = self.setting()
            draft = await self._decided(command, incident, setting.policy.of(incident), actor, now, origin)
            if not draft.events:
                return CommandResult(incident, ())
            verdict = IntakeDecision(Outcome.UPDATED, draft.events[-1].reason, draft.incident, draft.events)
            if incident.state.over and not draft.incident.state.over:
                verdict.pointers = await self._taken_back(incident)
            try:
                done = await self.write(verdict, setting, now, once, what)
            except StaleVersion:
                continue
            except RepeatedNotification as before:
                return await self.before(before, what)
            log.info("command_ran", incident=done.label, command=type(command).__name__, by=actor.name, door=actor.kind)
            warning = firing_after(draft.incident, draft.events, setting.policy.reopen_within)
            return CommandResult(done, tuple(draft.events), warning=warning)
        raise Contended("every attempt conflicted with another change")

    async def _at_version(self, number: str, expected: int | None) -> Incident:
        incident = await self.find(number)
        if expected is not None and incident.version != expected:
            raise VersionConflict(incident)
        return incident

    async def _decided(
        self, command: Command, incident: Incident, policy: Policy, actor: Actor, now: datetime, origin: str | None
    ) -> Transition:
        # The log is read only for a command that hides an entry, which needs the values that the incident repeats from
        # it.
        if isinstance(command, CorrectEntry) and command.hidden is not None:
            said = restated(await self.incidents.events(incident.uid), command.seq, hidden=command.hidden)
            command = command.model_copy(update={"restated": said})
        return on_command(command, incident, policy, actor, now, origin)

    def still_firing(self, firing: int) -> str | None:
        """Return what happens with the `firing` alerts of an incident that is resolved; None where none fires."""
        return still_firing(firing, self.setting().policy.reopen_within)

    async def _taken_back(self, incident: Incident) -> dict[str, str]:
        # A reopened incident gets its keys back; the commit checks that their owner has not changed.
        led = await self.incidents.led(incident.keys)
        may_reopen(incident, await self.incidents.many([uid for uid, is_open in led.values() if is_open]))
        return {key: uid for key, (uid, _) in led.items()}

    async def declare(
        self, request: Declare, actor: Actor, now: datetime, *, once: str | None = None, what: str = ""
    ) -> CommandResult:
        """Open an incident manually and return it. Raises IdempotencyKeyReused, StoreAway."""
        setting = self.setting()
        draft = declare(request, new_uid(), setting.policy.for_team(request.team), actor, now)
        key = draft.incident.key
        verdict = IntakeDecision(Outcome.OPENED, "declared", draft.incident, draft.events, pointers={key: ""})
        try:
            done = await self.write(verdict, setting, now, once, what)
        except RepeatedNotification as before:
            return await self.before(before, what)
        if not done.drill:
            self.metrics.opening(done.severity, done.service, done.team)
        log.info("incident_declared", incident=done.label, severity=done.severity, by=actor.name, door=actor.kind)
        return CommandResult(done, tuple(draft.events))

    async def merge(
        self,
        number: str,
        into: str,
        actor: Actor,
        now: datetime,
        *,
        expected: int | None = None,
        once: str | None = None,
        what: str = "",
    ) -> CommandResult:
        """Merge `number` into another incident, and return the other one. Raises as `act` does."""
        if (same := await self.repeated(once, what)) is not None:
            return replace(same, incident=await self.find(same.incident.parent or same.incident.uid))
        for _ in range(TRIES):
            child, parent = await self.find(number), await self.find(into)
            if expected is not None and child.version != expected:
                raise VersionConflict(child)
            setting = self.setting()
            records = await self.incidents.records(child.uid)
            owners = await self.incidents.owners([name for name, record in records.items() if record.firing])
            verdict = merge_incident(child, parent, owners, setting.policy.of(child), actor, now)
            if verdict is None:
                return CommandResult(parent, ())
            try:
                await self.write(verdict, setting, now, once, what, into=parent.uid)
            except StaleVersion:
                continue
            except RepeatedNotification as before:
                return await self.before(before, what)
            await self.hand_over(child.uid, now)
            return CommandResult(await self.find(parent.uid), tuple(verdict.events))
        raise Contended("every attempt conflicted with another change")

    async def hand_over(self, uid: str, now: datetime) -> None:
        """Move the alerts of a merged incident to the one that it was merged into; idempotent. Raises StoreAway."""
        for _ in range(TRIES):
            child = await self.incidents.incident(uid)
            parent = await self._heir(child) if child else None
            if child is None or parent is None or child.uid in parent.absorbed:
                await self.intake.due.drop_timer(f"{uid} {HAND_OVER}")
                return
            records = await self.incidents.records(parent.uid)
            theirs = await self.incidents.records(child.uid)
            setting = self.setting()
            bodies, lost = await self.incidents.bodies(child.uid), await self.incidents.lost(parent)
            verdict = absorb_incident(parent, child, records, theirs, bodies, setting.policy.of(parent), now, lost)
            # Pages that the vendor accepted are not sent again; those that it may have accepted are, with the same key.
            rang = await self._rang(child) if child.handed else set()
            taken = [(page, page.key in rang) for page in child.handed]
            with suppress(StaleVersion):
                done = await self.intake.writer.commit(verdict, setting, now, adopted=taken)
                if done.incident is not None:
                    count_events(self.metrics, done.incident, verdict.events)
        raise Contended("every attempt conflicted with another change")

    async def _heir(self, child: Incident) -> Incident | None:
        # The target may have been merged itself before it took over the child.
        parent = await self.incidents.incident(child.parent) if child.parent else None
        while parent is not None and parent.merged and parent.parent and child.uid not in parent.absorbed:
            parent = await self.incidents.incident(parent.parent)
        return parent

    async def _rang(self, child: Incident) -> set[str]:
        # The keys of its pages that the vendor accepted, from it or from incidents merged into it before.
        told = await self.incidents.receipts(child.uid)
        keys = {page.key for page in child.handed if any(_rang(page, receipt) for receipt in told)}
        for uid in child.absorbed:
            before = await self.incidents.incident(uid)
            if before is not None and before.handed:
                keys |= await self._rang(before)
        return keys

    async def find(self, number: str) -> Incident:
        """Return the incident of that id or uid. Raises UnknownIncident, StoreAway."""
        uid = await self.incidents.uid_of(number)
        incident = await self.incidents.incident(uid or number)
        if incident is None:
            raise UnknownIncident(f"no incident is named {number}")
        return incident

    async def repeated(self, once: str | None, what: str) -> CommandResult | None:
        """Return the earlier result under the key `once`; None: there is none.

        This is checked first: the first execution changed version and state, so the repetition would be refused.
        Raises IdempotencyKeyReused.
        """
        found = await self.incidents.taken(once) if once else None
        return await self.before(found, what) if found is not None else None

    async def write(
        self,
        verdict: IntakeDecision,
        setting: ActiveConfig,
        now: datetime,
        once: str | None = None,
        what: str = "",
        into: str = "",
    ) -> Incident:
        """Commit a decision about an incident and return the incident.

        Raises StaleVersion, RepeatedNotification, StoreAway.
        """
        done = await self.intake.writer.commit(verdict, setting, now, once=once, what=what, into=into)
        assert done.incident is not None  # noqa: S101  (every command writes an incident)
        count_events(self.metrics, done.incident, verdict.events)
        return done.incident

    async def before(self, before: RepeatedNotification, what: str) -> CommandResult:
        """Return the earlier result under this key. Raises IdempotencyKeyReused if that was another command."""
        if before.what != what:
            raise IdempotencyKeyReused("this key was already used for another request")
        return CommandResult(await self.find(before.uid), (), repeated=True)


def _rang(page: Page, receipt: Mapping[str, Any]) -> bool:
    return (
        (receipt["channel"], receipt["to"]) == (page.channel, page.person)
        and (receipt["action"], receipt["outcome"]) == (Action.TRIGGER, "delivered")
        and receipt["seq"] >= page.seq
    )


__all__ = [
    "CommandHandler",
    "CommandResult",
    "IdempotencyKeyReused",
    "IllegalCommand",
    "ImpossibleCommand",
    "InvalidField",
    "UnknownIncident",
    "VersionConflict",
]
