"""A notification in: one read for a duplicate, otherwise load, decide, commit. 2xx only when it is durable."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import orjson

from receiver.clock import Clock
from receiver.incident.alerts.alert_start import drop_future_starts
from receiver.incident.alerts.alert_storm import KEY, open_storm
from receiver.incident.alerts.lifecycle import on_notification
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, KeyState, NotificationPart, Outcome
from receiver.incident.paging.page_responders import adopt_pages
from receiver.incident.store_outage.incident_summary import summarize
from receiver.incident.timers import held_until
from receiver.metrics import Metrics
from receiver.model.alert.alert import Alert, Notification
from receiver.model.alert.severity_unknowns import SeverityUnknown
from receiver.model.base import to_ms
from receiver.model.incident.event import Actor, ActorKind, Event, Kind
from receiver.model.incident.incident import Incident, Page
from receiver.model.severity import Severity
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.event_metrics import count_events
from receiver.pipeline.intake.known_receivers import HeardReceivers
from receiver.pipeline.intake.notification_parts import (
    digest_of,
    divided,
    group_of,
    held_alerts,
    held_text,
    living,
    parts_of,
    released,
)
from receiver.pipeline.intake.unconfirmed_commits import UnheardCommit
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.open_incidents.unreadable_incidents import UnreadableIncidents, superseded_by
from receiver.pipeline.outbox.outbox_rows import fresh_pages, outbox_rows, timers_of
from receiver.store.client.connection import Connection, Contended
from receiver.store.due.due_set import DueSet
from receiver.store.due.leased_row import LeasedRow
from receiver.store.incidents.commit_request import (
    CommitRequest,
    Committed,
    RepeatedNotification,
    StaleVersion,
    committed_as,
    new_token,
    new_uid,
)
from receiver.store.incidents.incident_store import IncidentStore, Known, Seen
from receiver.store.watchdog_times import MOST, WatchdogTimes
from receiver.triage.correlation import split_by_key
from receiver.triage.rules.rule_set import Answers

STRAIGHT = 50
"""Alerts up to which a notification that is hardly a repetition is loaded without asking first whether it is one."""
LARGE = 200
"""Alerts above which the rules are asked in a thread: 20,000 that look unlike take many seconds."""
DIGESTS = 10_000
"""Groups of which the digest of the last notification is kept."""
PUT_OFF, PUT_OFF_LEAST, PUT_OFF_MOST = 30, 1000, 60_000
"""Milliseconds that messages about an adopted incident wait for each group that is still to be adopted; less than the
least is no wait, and more than the most is none either."""
FREES = frozenset({
    Kind.ACKNOWLEDGED, Kind.IDENTIFIED, Kind.MONITORING, Kind.RESOLVED, Kind.CLOSED, Kind.ACKNOWLEDGEMENT_LAPSED,
    Kind.ESCALATED, Kind.STEP_PASSED, Kind.RESPONSE_BREACHED, Kind.PAGE_FAILED, Kind.SECOND_ROAD, Kind.EMERGENCY_PAGED,
})  # fmt: skip
"""What answers, ends or escalates an incident: it is written even when the store's memory is full."""
OLD = 5.0
"""Seconds after which a decision that is made anew is about an old notification."""
TRIES = 12
"""Decisions made anew when others commit first, before the answer is 503 and Alertmanager comes again."""


@dataclass(frozen=True)
class PartResult:
    """What became of one part of a notification."""

    incident: str | None
    severity: Severity | None
    outcome: Outcome
    reason: str


class Repetition(NamedTuple):
    """By what a repetition of a notification is known: the store has `digests` as what its `groups` last said."""

    groups: tuple[str, ...]
    digests: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What became of a notification; `parts` has one for each incident that it was split over."""

    parts: tuple[PartResult, ...]
    repetition: Repetition | None = None
    """By what a repetition is known; None where each must be read: heartbeats count, times depend on the arrival."""

    @property
    def foremost(self) -> PartResult:
        """The part that tells of the most severe incident."""
        return min(self.parts, key=lambda said: said.severity.rank if said.severity else 9)


IGNORED = Answer((PartResult(None, None, Outcome.IGNORED, "nothing_to_say"),))


class Intake:
    """The way of a notification into the store."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        connection: Connection,
        incidents: IncidentStore,
        due: DueSet,
        incident_cache: IncidentCache,
        clock: Clock,
        metrics: Metrics,
        deliver: Callable[[Committed, float, Mapping[str, LeasedRow]], None],
    ) -> None:
        """`deliver` gets what a commit leased to this replica, when that was sent (monotonic), and the rows it made."""
        self.setting = setting
        self.connection = connection
        self.incidents = incidents
        self.due = due
        self.incident_cache = incident_cache
        self.clock = clock
        self.metrics = metrics
        self.deliver = deliver
        self.watchdogs = WatchdogTimes(connection)
        self.unreadable = UnreadableIncidents(incidents)
        self.heard = HeardReceivers(incidents)
        self._beats: dict[str, int] = {}
        """When each Watchdog was last heard of here, in milliseconds."""
        self._digests: OrderedDict[str, str] = OrderedDict()
        """What this replica has heard last of each group."""
        self._writing: set[asyncio.Future[Committed]] = set()
        self.measured: Callable[[Sequence[Alert], datetime], Mapping[str, Answers]] = lambda alerts, now: {}
        """What queries have said of alerts lately, by fingerprint and measurement."""
        self.unsure: Callable[[Sequence[SeverityUnknown], str | None, datetime], None] = lambda unsure, incident, now: (
            None
        )
        """Told of what a severity was decided without."""
        self.absorbed: Callable[[datetime], None] = lambda now: None
        """Told of each notification that said nothing new."""
        self.kept: Callable[[Notification, datetime], None] = lambda notification, now: None
        """Told of each notification that brought something new."""
        self.unheard: Callable[[UnheardCommit], None] = lambda commit: None
        """Told of each commit that was sent and not answered."""
        self.adopting: Callable[[], int] = lambda: 0
        """How many groups wait to be stored that were refused, or paged without the store."""
        self.beaten: Callable[[datetime], Awaitable[None]] = _nothing
        """Told of each heartbeat."""

    async def accept(
        self,
        notification: Notification,
        now: datetime,
        *,
        released: bool = False,
        late: bool = False,
        adopted: dict[str, Sequence[tuple[Page, bool]]] | None = None,
    ) -> Answer:
        """Take a notification and return what became of it once that is durable.

        `adopted`: emergency pages by correlation key, each with whether the vendor accepted it. `late`: it was refused
        before and kept; what the store knows to have ended since is left out.
        Raises StoreAway: nothing is known to be durable, and the sender must come again.
        """
        setting = self.setting()
        sent, notification = notification, drop_future_starts(notification, now)
        alive, beating = living(notification, setting)
        if beating:
            await self._beat(beating, setting, now)
        if not alive:
            return IGNORED
        since = await self.heard.since(notification.receiver, now)
        members = split_by_key(notification, setting.correlate_by, alive)
        groups = [group_of(notification, key) for key in members]
        texts = [digest_of(notification, alerts, setting) for alerts in members.values()]
        seen: Sequence[Seen | None] = [None] * len(groups)
        # What this replica has not heard last of the group is hardly a repetition: it is looked up as it is loaded.
        straight = len(groups) == 1 and len(alive) <= STRAIGHT and self._digests.get(groups[0]) != texts[0]
        if not released and not straight:
            seen = await self.incidents.seen(groups)
        fresh = [last is None or last.digest != text for last, text in zip(seen, texts, strict=True)]
        # Only what is new needs a decision: a duplicate costs one read and no rule.
        asked = self.measured(alive, now) if any(fresh) else None
        parts = []
        if any(fresh):
            make = partial(
                parts_of, notification, alive, setting, released=released, asked=asked, heard_since=since,
                members=members,
            )  # fmt: skip
            parts = await asyncio.to_thread(make) if len(alive) > LARGE else make()
            parts = [replace(part, late=late) for part in parts] if late else parts
        said = []
        for index, last in enumerate(seen):
            if last is not None and not fresh[index]:
                said.append(_again(last))
            else:
                part = parts[index]
                pages = (adopted or {}).get(part.key, ())
                said += await self._decide(part, texts[index], setting, now, pages, straight=straight and not released)
            self._remember(groups[index], texts[index])
        if any(fresh):
            self.kept(notification, now)
        await self.heard.told(notification.receiver, {one.outcome for one in said}, now)
        if any(one.outcome is Outcome.DUPLICATE for one in said):
            await self._absorb(now)
        if beating or notification is not sent or len(alive) < len(notification.alerts):
            return Answer(tuple(said))
        return Answer(tuple(said), Repetition(tuple(groups), tuple(texts)))

    async def repeated(self, repetition: Repetition, now: datetime) -> Answer | None:
        """Return the answer to a notification that says what it said before; None where something has changed since.

        Raises StoreAway.
        """
        seen = await self.incidents.seen(repetition.groups)
        same = [last for last, digest in zip(seen, repetition.digests, strict=True) if last and last.digest == digest]
        if len(same) < len(repetition.groups):
            return None
        await self._absorb(now)
        return Answer(tuple([_again(last) for last in same]))

    async def _absorb(self, now: datetime) -> None:
        await self.connection.confirm()
        self.metrics.duplicates.inc()
        self.absorbed(now)

    async def _beat(self, beating: Collection[str], setting: ActiveConfig, now: datetime) -> None:
        await self.watchdogs.heard(to_ms(now), setting.watchdogs_by, beating)
        if len(self._beats) < MOST:
            self._beats |= dict.fromkeys(beating if setting.watchdogs_by else ("",), to_ms(now))
        if not setting.watchdogs_by:
            self.metrics.watchdog.set(now.timestamp())
        await self.beaten(now)

    def _remember(self, group: str, digest: str) -> None:
        self._digests[group] = digest
        self._digests.move_to_end(group)
        if len(self._digests) > DIGESTS:
            self._digests.popitem(last=False)

    async def hear_again(self) -> None:
        """Tell a store that has lost its memory which of Alertmanager's receivers lead here. Raises StoreAway."""
        await self.heard.hear_again()
        last_ms = await self.watchdogs.last_ms() or 0
        for name, at_ms in sorted(self._beats.items(), key=lambda beat: beat[1]):
            if at_ms > last_ms:
                await self.watchdogs.heard(at_ms, self.setting().watchdogs_by, [name] if name else [])

    async def decide(self, part: NotificationPart, setting: ActiveConfig, now: datetime) -> PartResult:
        """Take something said of an incident's alerts that came in by another way than a notification."""
        (first, *_) = await self._decide(part, "", setting, now, ())
        return first

    async def release(self, group: str, now: datetime) -> None:
        """Let go what was held for `group`: it still fires, so it counts."""
        setting = self.setting()
        text = await self.due.held(group)
        if text is None:
            await self.due.drop_timer(f"held {group}")
            return
        part = released(group, text, setting)
        for _ in range(TRIES):
            names = [alert.fingerprint for alert in part.alerts]
            known = await self.incidents.known(part.key, group, names, self._since(setting, now))
            if known.held != text:
                return  # a notification changed it meanwhile: its timer comes back with what is held now
            known = await self.unreadable.known_instead(part, known, now)
            verdict = await self._judge(part, known, setting, now)
            if verdict is None:
                continue
            try:
                turn, supersedes = (part.key, known.turn), superseded_by(verdict, known)
                done = await self.commit(verdict, setting, now, part=part, turn=turn, supersedes=supersedes)
            except StaleVersion:
                continue
            self._count(verdict, part, now, done.incident)
            return

    async def _decide(
        self,
        part: NotificationPart,
        text: str,
        setting: ActiveConfig,
        now: datetime,
        adopted: Sequence[tuple[Page, bool]],
        told: Collection[str] = (),
        *,
        straight: bool = False,
    ) -> list[PartResult]:
        # `told`: fingerprints that were split off, whose incident is told by another part.
        # `straight`: it may still turn out to be a repetition.
        firing = [alert.fingerprint for alert in part.alerts if alert.firing]
        ended = [alert.fingerprint for alert in part.alerts if not alert.firing]
        began = self.clock.monotonic()
        for _ in range(TRIES):
            if not part.released and self.clock.monotonic() - began > OLD:
                # This process stood still in the middle of it: what has ended since is left out, as of a kept copy.
                part = replace(part, late=True)
            known = await self.incidents.known(part.key, part.group, firing, self._since(setting, now), ended)
            if (straight or known.unreadable) and known.seen is not None and known.seen.digest == text:
                return [_again(known.seen)]
            known = await self.unreadable.known_instead(part, known, now)
            away = {name: key for name, key in known.apart.items() if key != part.key and name not in told}
            if away:
                # What was split off first: once the rest is written, a repetition of the group is a duplicate.
                said, shared = [], self._shared(part, known, away)
                for one in divided(part, away, shared):
                    rest = one.key == part.key
                    told_of = adopted if rest else ()
                    said += await self._decide(one, text if rest else "", setting, now, told_of, shared.union(told))
                return said
            verdict = await self._judge(part, known, setting, now, [page for page, _ in adopted])
            if verdict is None:
                continue
            try:
                about = known.incident if verdict.outcome is Outcome.DUPLICATE else None
                done = await self.commit(
                    verdict,
                    setting,
                    now,
                    part=part,
                    text=text,
                    turn=(part.key, known.turn),
                    about=about,
                    adopted=adopted,
                    supersedes=superseded_by(verdict, known),
                )
            except StaleVersion:
                continue
            self.unreadable.settled(part)
            self._count(verdict, part, now, done.incident or about)
            incident = done.incident or about
            if incident is None or verdict.outcome is Outcome.IGNORED:
                return [PartResult(None, None, Outcome.IGNORED, verdict.reason)]
            return [PartResult(incident.id, incident.severity, verdict.outcome, verdict.reason)]
        raise Contended("others were faster each time")

    @staticmethod
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

    async def _judge(
        self, part: NotificationPart, known: Known, setting: ActiveConfig, now: datetime, adopted: Sequence[Page] = ()
    ) -> IntakeDecision | None:
        # None: the storm that it is part of has been opened, and it is decided again.
        lost = await self.incidents.lost(known.incident) if known.incident is not None else frozenset()
        view = replace(_view(known), lost=lost, labels=await self._labels(part, known, setting, now))
        verdict = on_notification(part, view, setting.policy, new_uid(), now, adopted)
        if verdict.reason == "storm_joined" and not known.storm and verdict.incident is not None:
            within = setting.policy.storm[1].total_seconds() if setting.policy.storm else 0
            why = f"{known.recent} incidents opened within {within:g} s"
            await self.open_storm(verdict.incident.severity, why, setting, now)
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

    async def open_storm(
        self,
        severity: Severity,
        why: str,
        setting: ActiveConfig,
        now: datetime,
        adopted: Sequence[tuple[Page, bool]] = (),
        began: datetime | None = None,
    ) -> None:
        """Open the incident that stands for a storm; another replica may have been faster.

        `adopted`: pages that were sent for it while the store was away, since `began`, with whether they were accepted.
        """
        # The one before may have been ended by a person, who knew nothing of the key: it leads there still.
        before, is_open = (await self.incidents.led([KEY]))[KEY]
        if is_open:
            await self._adopt_into(before, adopted, setting, now)
            return
        sent = [page for page, _ in adopted]
        verdict = open_storm(new_uid(), severity, why, setting.policy, now, before, sent, began)
        with suppress(StaleVersion):
            await self.commit(verdict, setting, now, adopted=adopted)

    async def _adopt_into(
        self, uid: str, adopted: Sequence[tuple[Page, bool]], setting: ActiveConfig, now: datetime
    ) -> None:
        for _ in range(TRIES if adopted else 0):
            incident = await self.incidents.incident(uid)
            if incident is None:
                return
            draft = Transition(incident, Actor(kind=ActorKind.TIMER, name="emergency"), now)
            adopt_pages(draft, [page for page, _ in adopted])
            if not draft.events:
                return
            verdict = IntakeDecision(Outcome.UPDATED, "emergency", draft.incident, draft.events)
            try:
                await self.commit(verdict, setting, now, adopted=adopted)
            except StaleVersion:
                continue
            return

    async def commit(
        self,
        verdict: IntakeDecision,
        setting: ActiveConfig,
        now: datetime,
        *,
        part: NotificationPart | None = None,
        text: str = "",
        turn: tuple[str, int] | None = None,
        about: Incident | None = None,
        adopted: Sequence[tuple[Page, bool]] = (),
        once: str | None = None,
        what: str = "",
        into: str = "",
        unpoint: Sequence[str] = (),
        supersedes: str = "",
    ) -> Committed:
        """Write a verdict and start what it owes. Raises Stale, Repeated or StoreAway.

        `once`: a door's key against repetition, with `what` to recognise it by; `into`, `unpoint`, `supersedes`: see
        store Change.
        """
        incident = verdict.incident
        summary = summarize(incident, setting.policy) if incident else None
        put_off = self._put_off() if adopted else 0
        change = CommitRequest(
            incident=incident,
            about=about,
            events=verdict.events,
            records=verdict.records,
            bodies={name: _body(alert) for name, alert in verdict.bodies.items()},
            gone=verdict.gone,
            owners=verdict.owners,
            freed=verdict.freed,
            pointers=verdict.pointers,
            turn=turn,
            seen={part.group: text} if part and text else {},
            tombs=verdict.tombs,
            untomb=verdict.untomb,
            rows=outbox_rows(incident, verdict.events, setting, adopted, put_off) if incident else (),
            timers=timers_of(incident, setting, put_off) if incident else {},
            held=[(part.group, held_text(part, verdict.held), to_ms(held_until(now)))] if part and verdict.held else (),
            unheld=[part.group] if part and not verdict.held else (),
            once=[once] if once else (),
            what=what,
            storm=_storm_guard(verdict, setting, now, adopted),
            again=_calls_anew(verdict),
            into=into,
            unpoint=unpoint,
            supersedes=supersedes,
            frees=_frees(verdict),
            summary=summary,
        )
        # A commit that was sent is not given up with its caller, whose time may end first: what it has leased to this
        # replica would reach nobody until the lease ends, and whoever tries again is told that it is a repetition.
        writing = asyncio.ensure_future(self._write(change, verdict, setting, now))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        return await asyncio.shield(writing)

    async def _write(
        self, change: CommitRequest, verdict: IntakeDecision, setting: ActiveConfig, now: datetime
    ) -> Committed:
        began, token, heard = self.clock.monotonic(), new_token(), False
        try:
            done = await self.incidents.commit(
                change, now_ms=to_ms(now), lease_ms=setting.lease_ms, number=setting.id_parts(now), token=token
            )
            heard = True
        except (StaleVersion, RepeatedNotification):
            heard = True
            raise
        finally:
            if not heard:
                self.unheard(self._doubtful(change, verdict.events, token, began, now))
        self._written(change, verdict.events, began, now, done)
        return done

    def _doubtful(
        self, change: CommitRequest, events: Sequence[Event], token: str, began: float, now: datetime
    ) -> UnheardCommit:
        # It may have been written, and have leased pages to us: what they are made of is kept until that is known.
        kept = replace(change, bodies={}, records={})

        def heard(reply: Sequence[Any]) -> None:
            self._written(kept, events, began, now, committed_as(change.incident, reply, token))

        uid = change.incident.uid if change.incident else ""
        return UnheardCommit(token, began, uid, tuple(change.seen), heard)

    def _written(
        self, change: CommitRequest, events: Sequence[Event], began: float, now: datetime, done: Committed
    ) -> None:
        if done.incident is not None and change.summary is not None:
            written = change.summary._replace(id=done.incident.id, version=done.incident.version)
            self.incident_cache.committed(written, done.incident, done.number)
        if done.leased:
            self.deliver(done, began, fresh_pages(done, change.rows, events, to_ms(now)))

    def _put_off(self) -> int:
        # Thousands are adopted before chat hears of each: their people have been paged already.
        wait = self.adopting() * PUT_OFF
        return min(wait, PUT_OFF_MOST) if wait >= PUT_OFF_LEAST else 0

    def _since(self, setting: ActiveConfig, now: datetime) -> int:
        storm = setting.policy.storm
        return to_ms(now - storm[1]) if storm else to_ms(now)

    def _count(self, verdict: IntakeDecision, part: NotificationPart, now: datetime, written: Incident | None) -> None:
        incident = verdict.incident
        # Counted first: a child of a metric is found through a lock, which took 4 us for each alert.
        for (rule, severity), count in Counter((one.rule, one.severity) for one in part.decisions.values()).items():
            self.metrics.alerts.labels("firing", severity).inc(count)
            self.metrics.rule_hits.labels(rule, severity).inc(count)
        for one in part.unknowns:
            self.metrics.unknowns.labels(one.kind).inc()
        if part.unknowns:
            self.unsure(part.unknowns, written.id if written else None, now)
        if incident is None:
            return
        if ended := sum(not alert.firing for alert in part.alerts):
            self.metrics.alerts.labels("resolved", incident.severity).inc(ended)
        if verdict.outcome is Outcome.OPENED:
            self.metrics.opening(incident.severity, incident.service)
            if not incident.estimated:
                late = (now - incident.started_at).total_seconds()
                self.metrics.detect.labels(incident.severity).observe(max(0.0, late))
        count_events(self.metrics, incident, verdict.events)


async def _nothing(now: datetime) -> None:
    return None


def _view(known: Known) -> KeyState:
    held = held_alerts(known.held) if known.held else []
    return KeyState(
        known.pointer, known.incident, known.records, known.owners, known.tombs, held, known.recent, known.storm
    )


def _storm_guard(
    verdict: IntakeDecision, setting: ActiveConfig, now: datetime, adopted: Sequence[tuple[Page, bool]]
) -> tuple[int, int] | None:
    # Of many openings at once no more than the limit may page by themselves: the commit counts again.
    storm, incident = setting.policy.storm, verdict.incident
    if storm is None or incident is None or adopted or incident.held:
        return None
    if incident.version and not _calls_anew(verdict):
        return None
    if incident.declared or incident.split_from:
        return None
    if incident.severity is Severity.SEV1 or incident.key == KEY:
        return None
    return storm[0], to_ms(now - storm[1])


def _calls_anew(verdict: IntakeDecision) -> bool:
    # Alerts that fire again are as many calls as alerts that fire for the first time.
    incident = verdict.incident
    if incident is None or incident.storm or incident.drill or incident.held_until is not None:
        return False
    kinds = {event.kind for event in verdict.events}
    calls = Kind.PAGE in kinds or Kind.STORM_JOINED in kinds
    return calls and not kinds.isdisjoint((Kind.REOPENED, Kind.REFIRED))


def _frees(verdict: IntakeDecision) -> bool:
    # No alert that fires is new in it, so that what grows is bounded by what is open.
    incident = verdict.incident
    if incident is None or not incident.version or verdict.bodies:
        return False
    return bool(verdict.freed) or not {event.kind for event in verdict.events}.isdisjoint(FREES)


def _again(last: Seen) -> PartResult:
    if not last.id:
        return PartResult(None, None, Outcome.IGNORED, "duplicate")
    # A severity that only a later version knows is left out of the answer: the repetition is one all the same.
    severity = Severity(last.severity) if last.severity in list(Severity) else None
    return PartResult(last.id, severity, Outcome.DUPLICATE, "duplicate")


def _body(alert: Alert) -> bytes:
    return orjson.dumps(
        {"labels": alert.labels, "annotations": alert.annotations, "generator_url": alert.generator_url}
    )
