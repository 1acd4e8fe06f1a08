"""The decision about a part of a notification: load, decide, commit; again where another replica committed first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from receiver.clock import Clock
from receiver.incident.alerts.lifecycle import on_notification
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
"""Seconds after which a decision that is made anew is about an old notification."""


class IncomingPart(NamedTuple):
    """A part of a notification, with what its decision is told besides."""

    part: NotificationPart
    text: str = ""
    """The digest of what its group says; "" where nothing is known by it."""
    adopted: Sequence[tuple[Page, bool]] = ()
    """Emergency pages that its incident adopts, each with whether the vendor accepted it."""
    straight: bool = False
    """Whether it may still turn out to be a repetition."""
    seen_as: str = ""
    """The group that `text` is the digest of, where that is another one than the part's."""
    told: Collection[str] = ()
    """Fingerprints that were split off, whose incident is told by another part."""
    home: NotificationPart | None = None
    """What it is a part of, where these alerts were told to another team before."""


class PartDecisions:
    """Decides about parts of notifications, and about what was held back of them."""

    def __init__(
        self,
        incidents: IncidentStore,
        due: DueSet,
        writer: IncidentWriter,
        storms: StormIncidents,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`writer` commits what is decided; `storms` opens the storms that parts join."""
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
        """Told of what a severity was decided without."""
        self.decided: Callable[[str, int, datetime], None] = lambda rule, count, now: None
        """Told of each rule that decided, and of how many alerts."""

    async def decide(self, incoming: IncomingPart, setting: ActiveConfig, now: datetime) -> list[PartResult]:
        """Return what became of a part once that is durable; of each part where it was split.

        Raises StoreAway; Contended where others committed first each time.
        """
        part, text, adopted, straight, seen_as, told, home = incoming
        firing = [alert.fingerprint for alert in part.alerts if alert.firing]
        ended = [alert.fingerprint for alert in part.alerts if not alert.firing]
        named, began = asked_tombstones(part, firing), self.clock.monotonic()
        for _ in range(TRIES):
            if not part.released and self.clock.monotonic() - began > OLD:
                # This process stood still in the middle of it: what has ended since is left out, as of a kept copy.
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
                # What it was told to before is over: it goes to the team that owns it now.
                part, told, home = replace(part, key=home.key), {*told, *firing, *ended}, None
                continue
            about = known.incident if verdict.outcome is Outcome.DUPLICATE else None
            try:
                # What is ignored is not what the group said last: the same words of its own sender count.
                done = await self.writer.commit(
                    verdict, setting, now, part=part, text="" if verdict.reason == FOREIGN else text, seen_as=seen_as,
                    turn=(part.key, known.turn), about=about, adopted=adopted, supersedes=superseded_by(verdict, known),
                )  # fmt: skip
            except StaleVersion:
                continue
            self.unreadable.settled(part)
            self._count(verdict, part, now, done.incident or about)
            return [_result(verdict, done.incident or about, setting)]
        raise Contended("others were faster each time")

    async def _decide_apart(
        self, incoming: IncomingPart, known: Known, away: Mapping[str, str], setting: ActiveConfig, now: datetime
    ) -> list[PartResult]:
        # What was split off first: once the rest is written, a repetition of the group is a duplicate.
        part, said = incoming.part, list[PartResult]()
        shared = _shared(part, known, away)
        told, made = shared.union(incoming.told), divided(part, away, shared)
        for one in made:
            apart = IncomingPart(one, seen_as=part.group, told=told, home=part if one.key != part.key else None)
            if one is made[-1]:
                # The last one says what a repetition of the whole group is known by.
                apart = apart._replace(text=incoming.text, adopted=incoming.adopted)
            said += await self.decide(apart, setting, now)
        return said

    async def decide_ended(self, part: NotificationPart, setting: ActiveConfig, now: datetime) -> PartResult:
        """Return what became of alerts whose end did not come in a notification. Raises StoreAway."""
        (first, *_) = await self.decide(IncomingPart(part), setting, now)
        return first

    async def release(self, group: str, setting: ActiveConfig, now: datetime) -> None:
        """Let go what was held for `group`: it still fires, so it counts. Raises StoreAway."""
        text = await self.due.held(group)
        if text is None:
            await self.due.drop_timer(f"held {group}")
            return
        part = released(group, text, setting)
        for _ in range(TRIES):
            names = [alert.fingerprint for alert in part.alerts]
            known = await self.incidents.known(part.key, group, names, _since(setting, now), team=part.team)
            if known.held != text:
                return  # a notification changed it meanwhile: its timer comes back with what is held now
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
        # None: the storm that it is part of has been opened, and it is decided again.
        lost = await self.incidents.lost(known.incident) if known.incident is not None else frozenset()
        view = replace(key_state(known, part), lost=lost, labels=await self._labels(part, known, setting, now))
        if of_another_team(part, known.incident):
            view = replace(view, recent=0, storm="")  # the storms that are known are those of `part.team`
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
        # Read only where a window holds something of it: whether it holds the rest too is for the decision to say.
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
    # From when on openings count in a storm, in milliseconds.
    storm = setting.policy.storm
    return to_ms(now - storm[1]) if storm else to_ms(now)


def _shared(part: NotificationPart, known: Known, away: Mapping[str, str]) -> frozenset[str]:
    # It was split from one incident, and another had it as well: its end is the end there, too.
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
