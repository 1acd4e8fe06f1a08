"""Reads the `for` of the rule behind an incident's alert from Prometheus, once the incident is over.

The time to detect can then be split into the rule's `for` and the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.timers import RULE, rule_due
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.intake import Intake
from receiver.sources.http_client import SourceClient, SourceError
from receiver.sources.prometheus import Prometheus
from receiver.store.incidents.commit_request import StaleVersion
from receiver.store.incidents.incident_store import IncidentStore

log = structlog.get_logger("receiver.alert_rule")


class AlertRuleDelay:
    """The timer of finished incidents."""

    def __init__(
        self, setting: Callable[[], ActiveConfig], incidents: IncidentStore, intake: Intake, source_client: SourceClient
    ) -> None:
        """`prometheus`: the server of `verification`."""
        self.setting = setting
        self.incidents = incidents
        self.intake = intake
        self.source_client = source_client

    async def on_timer(self, uid: str, now: datetime) -> None:
        """Query the rule of the first alert of the incident `uid`, once, and record the result. Raises StoreAway."""
        member, setting = f"{uid} {RULE}", self.setting()
        incident = await self.incidents.incident(uid)
        waits, name = None, ""
        if incident is not None and setting.prometheus and rule_due(incident, setting.policy.of(incident)) is not None:
            name = incident.labels["alertname"]
            try:
                waits = await Prometheus(self.source_client, setting.prometheus).waits(name)
            except SourceError as error:
                log.info("rule_lookup_failed", incident=incident.id, reason=error.reason)
        if incident is None or waits is None:
            await self.intake.due.drop_timer(member)
            return
        draft = Transition(incident, Actor(kind=ActorKind.TIMER, name=RULE), now)
        draft.add(Kind.RULE_KNOWN, "asked", f"the rule of {name} waits {waits:g} s before it fires", {"for": waits})
        verdict = IntakeDecision(Outcome.UPDATED, "asked", draft.incident, draft.events)
        try:
            await self.intake.writer.commit(verdict, setting, now)
        except StaleVersion:
            return  # the incident was changed meanwhile: retried when the lease has expired
