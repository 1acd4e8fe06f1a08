"""Commits a split: first the new incident, then the alerts that the old one gives up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog

from receiver.incident.log.notification_outcome import IntakeDecision
from receiver.incident.response.split import SplitAlerts, remove_split_alerts, split_incident
from receiver.incident.timers import LEAVE
from receiver.model.alert.alert import Alert
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Actor
from receiver.model.incident.incident import Incident
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.response.command_handler import TRIES, CommandHandler, CommandResult, VersionConflict
from receiver.store.client.connection import Contended
from receiver.store.incidents.commit_request import RepeatedNotification, StaleVersion, new_uid
from receiver.store.incidents.incident_store import IncidentStore

log = structlog.get_logger("receiver.splitting")


class IncidentSplit:
    """Splits incidents."""

    def __init__(
        self, setting: Callable[[], ActiveConfig], incidents: IncidentStore, intake: Intake, respond: CommandHandler
    ) -> None:
        """Splits are committed by the intake's `commit`, like all changes."""
        self.setting = setting
        self.incidents = incidents
        self.intake = intake
        self.respond = respond

    async def split(
        self,
        number: str,
        fingerprints: Sequence[str],
        title: str | None,
        actor: Actor,
        now: datetime,
        *,
        expected: int | None = None,
        once: str | None = None,
        what: str = "",
    ) -> CommandResult:
        """Split the alerts `fingerprints` off into a new incident and return it.

        Raises as `CommandHandler.act` does.
        """
        if (done_before := await self.respond.repeated(once, what)) is not None:
            return done_before
        names = list(dict.fromkeys(fingerprints))
        for _ in range(TRIES):
            parent = await self.respond.find(number)
            if expected is not None and parent.version != expected:
                raise VersionConflict(parent)
            setting = self.setting()
            verdict = await self._decide(parent, names, title, actor, setting, now)
            try:
                done = await self.respond.write(verdict, setting, now, once, what)
            except StaleVersion:
                continue
            except RepeatedNotification as before:
                return await self.respond.before(before, what)
            log.info("incident_split", incident=done.label, parent=parent.label, alerts=len(names), by=actor.name)
            self.intake.metrics.opening(done.severity, done.service, done.team)
            await self.leave(done.uid, now)
            return CommandResult(done, tuple(verdict.events))
        raise Contended("every attempt conflicted with another change")

    async def _decide(
        self, parent: Incident, names: Sequence[str], title: str | None, actor: Actor, setting: ActiveConfig,
        now: datetime,
    ) -> IntakeDecision:  # fmt: skip
        records = await self.incidents.records(parent.uid)
        bodies = await self.incidents.bodies(parent.uid)
        alerts = {name: _alert(name, bodies[name], records[name]) for name in names if name in bodies.keys() & records}
        firing = [alert for alert in alerts.values() if alert.firing]
        decided = setting.rules.decide(firing)
        decisions = {alert.fingerprint: one for alert, one in zip(firing, decided, strict=True)}
        known = await self.incidents.known(parent.key, "", [alert.fingerprint for alert in firing])
        part = SplitAlerts(new_uid(), names, records, alerts, decisions, known.owners)
        return split_incident(parent, part, title, setting.policy.of(parent), actor, now)

    async def leave(self, uid: str, now: datetime) -> None:
        """Remove the alerts of `uid` from the old incident; idempotent. Raises StoreAway."""
        for _ in range(TRIES):
            child = await self.incidents.incident(uid)
            parent = await self.incidents.incident(child.split_from) if child and child.split_from else None
            if child is None or parent is None or child.uid in parent.departed:
                await self.intake.due.drop_timer(f"{uid} {LEAVE}")
                return
            records = await self.incidents.records(parent.uid)
            names = list(await self.incidents.records(child.uid))
            setting = self.setting()
            verdict = remove_split_alerts(parent, child, records, names, setting.policy.of(parent), now)
            with suppress(StaleVersion):
                await self.respond.write(verdict, setting, now)
        raise Contended("every attempt conflicted with another change")


def _alert(name: str, body: Mapping[str, Any], record: AlertRecord) -> Alert:
    status = "firing" if record.firing else "resolved"
    return Alert.model_validate({**body, "status": status, "fingerprint": name})
