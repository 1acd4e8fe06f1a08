"""Decides about a part of a notification: load, decide, commit, and retry if another replica committed first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from receiver.clock import Clock
from receiver.incident.alerts.notification_decision import on_notification
from receiver.incident.log.alert_membership import FOREIGN
from receiver.incident.log.notification_outcome import IntakeDecision, NotificationPart, Outcome
from receiver.metrics import Metrics
from receiver.model.alert.severity_unknowns import SeverityUnknown
from receiver.model.base import to_ms
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.commit_parts import asked_tombstones, key_state, monitoring_until, of_another_team
from receiver.pipeline.intake.decision_metrics import count_decision
from receiver.pipeline.intake.incident_writer import TRIES, IncidentWriter
from receiver.pipeline.intake.intake_answer import PartResult, repeated_part
from receiver.pipeline.intake.notification_parts import divided, released
from receiver.pipeline.intake.storm_incidents import StormIncidents
from receiver.pipeline.open_incidents.unreadable_incidents import UnreadableIncidents, superseded_by
from receiver.store.client.store_errors import Contended
from receiver.store.due.due_set import DueSet
from receiver.store.incidents.commit_request import StaleVersion, new_uid
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.incidents.known_incident import Known

OLD = 5.0
"""Seconds after which a repeated decision treats its notification as old."""


class IncomingPart(NamedTuple):
    """A part of a notification, with further input for its decision."""

    part: NotificationPart
    text: str = ""
    """The digest of its group's alerts; "" if duplicates are not recognized."""
    adopted: Sequence[tuple[Page, bool]] = ()
    """Emergency pages that its incident adopts, each with whether the vendor accepted it."""
    straight: bool = False
    """Whether it may still turn out to be a repetition."""
    seen_as: str = ""
    """The group that `text` is the digest of, if it is not the group of the part."""
    told: Collection[str] = ()
    """Fingerprints that were split off; another part handles their incident."""
    home: NotificationPart | None = None
    """The original part, if these alerts belonged to another team before."""


class PartDecisions:
    """Decides about parts of notifications, and about held alerts."""

    def __init__(
        self,
        incidents: IncidentStore,
        due: DueSet,
        writer: IncidentWriter,
        storms: StormIncidents,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`writer` commits decisions; `storms` opens the storms that parts join."""
        self.incidents = incidents
        self.due = due
        self.writer = writer
        self.storms = storms
        self.clock = clock
        self.metrics = metrics
        self.unreadable = UnreadableIncidents(incidents)
        self.unsure: Callable[[Sequence[SeverityUnknown], str | None, datetime], None] = lambda unsure, incident, now: (
            None
        )
        """Called with values that a severity decision could not use."""
        self.decided: Callable[[str, int, datetime], None] = lambda rule, count, now: None
        """Called with each rule that decided, and the number of its alerts."""

    async def decide(self, incoming: IncomingPart, setting: ActiveConfig, now: datetime) -> list[PartResult]:
        """Return the outcome of a part once it is durable, or of each part if it was split.

        Raises StoreAway; Contended if others committed first each time.
        """
        part, text, adopted, straight, seen_as, told, home = incoming
        firing = [alert.fingerprint for alert in part.alerts if alert.firing]
        ended = [alert.fingerprint for alert in part.alerts if not alert.firing]
        named, began = asked_tombstones(part, firing), self.clock.monotonic()
        for _ in range(TRIES):
            if not part.released and self.clock.monotonic() - began > OLD:
                # This process was suspended meanwhile: alerts that have ended since are dropped, as for a kept copy.
                part = replace(part, late=True)
            known = await self.incidents.known(part.key, part.group, named, _since(setting, now), ended, part.team)
            if (straight or known.unreadable) and known.seen is not None and known.seen.digest == text:
                return [repeated_part(known.seen)]
            known = await self.unreadable.known_instead(part, known, now)
            away = {name: key for name, key in known.apart.items() if key != part.key and name not in told}
            if away:
                return await self._decide_apart(incoming._replace(part=part, told=told), known, away, setting, now)
            verdict = await self._judge(part, known, setting, now, [page for page, _ in adopted])
            if verdict is None:
                continue
            if home is not None and verdict.outcome is Outcome.OPENED:
                # Its previous incident is over: it goes to the team that owns it now.
                part, told, home = replace(part, key=home.key), {*told, *firing, *ended}, None
                continue
            about = known.incident if verdict.outcome is Outcome.DUPLICATE else None
            try:
                # An ignored resolve is not the group's last digest: the same content from its own sender counts.
                done = await self.writer.commit(
                    verdict, setting, now, part=part, text="" if verdict.reason == FOREIGN else text, seen_as=seen_as,
                    turn=(part.key, known.turn), about=about, adopted=adopted, supersedes=superseded_by(verdict, known),
                )  # fmt: skip
            except StaleVersion:
                continue
            self.unreadable.settled(part)
            self._count(verdict, part, now, done.incident or about)
            return [_result(verdict, done.incident or about, setting)]
        raise Contended("every attempt conflicted with another change")

    async def _decide_apart(
        self, incoming: IncomingPart, known: Known, away: Mapping[str, str], setting: ActiveConfig, now: datetime
    ) -> list[PartResult]:
        # The split-off parts first: once the rest is written, a repetition of the group is a duplicate.
        part, said = incoming.part, list[PartResult]()
        shared = _shared(part, known, away)
        told, made = shared.union(incoming.told), divided(part, away, shared)
        for one in made:
            apart = IncomingPart(one, seen_as=part.group, told=told, home=part if one.key != part.key else None)
            if one is made[-1]:
                # The last part stores the digest by which a repetition of the whole group is recognized.
                apart = apart._replace(text=incoming.text, adopted=incoming.adopted)
            said += await self.decide(apart, setting, now)
        return said

    async def decide_ended(self, part: NotificationPart, setting: ActiveConfig, now: datetime) -> PartResult:
        """Return the outcome for alerts whose end did not arrive in a notification. Raises StoreAway."""
        (first, *_) = await self.decide(IncomingPart(part), setting, now)
        return first

    async def release(self, group: str, setting: ActiveConfig, now: datetime) -> None:
        """Release the alerts held for `group`: they still fire, so they count. Raises StoreAway."""
        text = await self.due.held(group)
        if text is None:
            await self.due.drop_timer(f"held {group}")
            return
        part = released(group, text, setting)
        for _ in range(TRIES):
            names = [alert.fingerprint for alert in part.alerts]
            known = await self.incidents.known(part.key, group, names, _since(setting, now), team=part.team)
            if known.held != text:
                return  # a notification changed it meanwhile: its timer runs again for the alerts held now
            known = await self.unreadable.known_instead(part, known, now)
            verdict = await self._judge(part, known, setting, now)
            if verdict is None:
                continue
            try:
                turn, supersedes = (part.key, known.turn), superseded_by(verdict, known)
                done = await self.writer.commit(verdict, setting, now, part=part, turn=turn, supersedes=supersedes)
            except StaleVersion:
                continue
            self._count(verdict, part, now, done.incident)
            return

    async def _judge(
        self, part: NotificationPart, known: Known, setting: ActiveConfig, now: datetime, adopted: Sequence[Page] = ()
    ) -> IntakeDecision | None:
        # None: the storm that it joins was opened, and it is decided again.
        lost = await self.incidents.lost(known.incident) if known.incident is not None else frozenset()
        view = replace(key_state(known, part), lost=lost, labels=await self._labels(part, known, setting, now))
        if of_another_team(part, known.incident):
            view = replace(view, recent=0, storm="")  # the known storms are those of `part.team`
        verdict = on_notification(part, view, setting.policy, new_uid(), now, adopted)
        if verdict.reason == "storm_joined" and not known.storm and verdict.incident is not None:
            within = setting.policy.storm[1].total_seconds() if setting.policy.storm else 0
            why = f"{known.recent} incidents opened within {within:g} s"
            await self.storms.open(verdict.incident.severity, why, setting, now, team=verdict.incident.team)
            return None
        return verdict

    async def _labels(
        self, part: NotificationPart, known: Known, setting: ActiveConfig, now: datetime
    ) -> Mapping[str, Mapping[str, str]]:
        # Read only if a window covers one of its alerts: the decision checks whether it covers the others too.
        if known.incident is None or not any(setting.policy.windows(one.labels, now) for one in part.alerts):
            return {}
        bodies = await self.incidents.bodies(known.incident.uid)
        return {name: body.get("labels", {}) for name, body in bodies.items()}

    def _count(self, verdict: IntakeDecision, part: NotificationPart, now: datetime, written: Incident | None) -> None:
        count_decision(self.metrics, verdict, part, now, written)
        for rule, count in Counter(one.rule for one in part.decisions.values()).items():
            self.decided(rule, count, now)
        if part.unknowns:
            self.unsure(part.unknowns, written.id if written else None, now)


def _since(setting: ActiveConfig, now: datetime) -> int:
    # Since when openings count toward a storm, in milliseconds.
    storm = setting.policy.storm
    return to_ms(now - storm[1]) if storm else to_ms(now)


def _shared(part: NotificationPart, known: Known, away: Mapping[str, str]) -> frozenset[str]:
    # It was split from one incident, and another one had it too: its end applies there as well.
    return frozenset(
        alert.fingerprint
        for alert in part.alerts
        if not alert.firing
        and alert.fingerprint in away
        and (record := known.records.get(alert.fingerprint)) is not None
        and record.firing
    )


def _result(verdict: IntakeDecision, incident: Incident | None, setting: ActiveConfig) -> PartResult:
    if incident is None or verdict.outcome is Outcome.IGNORED:
        return PartResult(None, None, Outcome.IGNORED, verdict.reason)
    until = monitoring_until(incident, setting)
    return PartResult(incident.id, incident.severity, verdict.outcome, verdict.reason, until)
