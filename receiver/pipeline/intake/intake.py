"""A notification in: one read for a duplicate, otherwise load, decide, commit. 2xx only when it is durable."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

import structlog

from receiver.clock import Clock
from receiver.incident.alerts.alert_start import drop_future_starts
from receiver.incident.alerts.alert_storm import open_storm, storm_key
from receiver.incident.alerts.lifecycle import on_notification
from receiver.incident.log.alert_membership import FOREIGN
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, NotificationPart, Outcome
from receiver.incident.paging.page_responders import adopt_pages
from receiver.incident.store_outage.incident_summary import summarize
from receiver.incident.timers import held_until
from receiver.metrics import Metrics
from receiver.model.alert.alert import Alert, Notification
from receiver.model.alert.severity_unknowns import SeverityUnknown
from receiver.model.base import to_ms
from receiver.model.incident.event import Actor, ActorKind, Event
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.severity import Severity
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.event_metrics import count_events
from receiver.pipeline.intake.commit_parts import (
    alert_body,
    asked_tombstones,
    calls_anew,
    frees,
    key_state,
    monitoring_until,
    of_another_team,
    storm_guard,
    timers_to_set,
)
from receiver.pipeline.intake.intake_answer import IGNORED, REPEATED, Answer, PartResult, Repetition, repeated_part
from receiver.pipeline.intake.known_receivers import HeardReceivers
from receiver.pipeline.intake.notification_parts import (
    digest_of,
    divided,
    group_of,
    held_text,
    living,
    owned_alerts,
    parts_of,
    released,
)
from receiver.pipeline.intake.unconfirmed_commits import UnheardCommit
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.open_incidents.unreadable_incidents import UnreadableIncidents, superseded_by
from receiver.pipeline.outbox.outbox_rows import fresh_pages, outbox_rows
from receiver.store.client.connection import Connection, Contended
from receiver.store.client.store_errors import StoreLostData
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
from receiver.store.incidents.incident_store import IncidentStore, Known, Seen, seen_of
from receiver.store.watchdog_times import MOST, WatchdogTimes
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
OLD = 5.0
"""Seconds after which a decision that is made anew is about an old notification."""
log = structlog.get_logger("receiver.intake")

TRIES = 12
"""Decisions made anew when others commit first, before the answer is 503 and Alertmanager comes again."""


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
        """When each Watchdog was last received here, in milliseconds."""
        self._digests: dict[int, int] = {}
        """The last notification of each group that this replica received, as hashes: a third of the texts' memory.
        Where two are equal by chance, the group is looked up once more."""
        self._writing: set[asyncio.Future[Committed]] = set()
        self.measured: Callable[[Sequence[Alert], datetime], Mapping[str, Answers]] = lambda alerts, now: {}
        """What queries have said of alerts lately, by fingerprint and measurement."""
        self.unsure: Callable[[Sequence[SeverityUnknown], str | None, datetime], None] = lambda unsure, incident, now: (
            None
        )
        """Told of what a severity was decided without."""
        self.decided: Callable[[str, int, datetime], None] = lambda rule, count, now: None
        """Told of each rule that decided, and of how many alerts."""
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
        setting, moves = self.setting(), self.connection.moves
        sent, notification = notification, drop_future_starts(notification, now)
        alive, beating = living(notification, setting)
        if beating:
            await self._beat(beating, setting, now)
        if not alive:
            return IGNORED
        since = await self.heard.since(notification.receiver, now)
        members = owned_alerts(notification, alive, setting)
        groups = [group_of(notification, key) for key in members]
        texts = [digest_of(notification, one.alerts, setting) for one in members.values()]
        seen: Sequence[Seen | None] = [None] * len(groups)
        # Not this replica's last notification of the group, so hardly a repetition: it is looked up as it is loaded.
        straight = len(groups) == 1 and len(alive) <= STRAIGHT and self._digests.get(hash(groups[0])) != hash(texts[0])
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
                said.append(repeated_part(last))
            else:
                part = parts[index]
                pages = (adopted or {}).get(part.key, ())
                said += await self._decide(part, texts[index], setting, now, pages, straight=straight and not released)
            self._remember(groups[index], texts[index])
        if any(fresh):
            self.kept(notification, now)
        await self.heard.told(notification.receiver, {one.outcome for one in said}, now)
        await self._absorb(said, moves, now)
        if beating or notification is not sent or len(alive) < len(notification.alerts):
            return Answer(tuple(said))
        return Answer(tuple(said), Repetition(tuple(groups), tuple(texts)))

    async def repeated(self, repetition: Repetition, now: datetime, limit: float) -> Answer | None:
        """Return the answer to a notification that says what it said before; None where something has changed since.

        Raises StoreAway; TimeoutError where the store has not answered within `limit` seconds of wall-clock time.
        """
        moves = self.connection.moves
        texts = await self.incidents.seen_texts(repetition.groups, limit)
        if repetition.answer is None or texts != repetition.texts:
            # Comparing texts takes a tenth of reading them and making the same answer once more.
            seen = zip(map(seen_of, texts), repetition.digests, strict=True)
            same = [last for last, digest in seen if last and last.digest == digest]
            if len(same) < len(repetition.groups):
                return None
            repetition.texts, repetition.answer = texts, Answer(tuple([repeated_part(last) for last in same]))
        await self._confirm(moves)
        self._repeats(now)
        return repetition.answer

    async def _absorb(self, said: Sequence[PartResult], moves: int, now: datetime) -> None:
        duplicate = any(one.outcome is Outcome.DUPLICATE for one in said)
        if duplicate or any(one.reason == REPEATED for one in said):
            await self._confirm(moves)
        if duplicate:
            self._repeats(now)

    async def _confirm(self, moves: int) -> None:
        # The commit that is repeated may have been answered 503, or be on a server that was replaced meanwhile.
        if self.connection.confirms:
            await self.connection.confirm(moves)

    def _repeats(self, now: datetime) -> None:
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
        key = hash(group)
        self._digests.pop(key, None)
        self._digests[key] = hash(digest)
        if len(self._digests) > DIGESTS:
            # The oldest go together: to look for the first of a dictionary passes every one that was removed.
            for old in list(islice(self._digests, DIGESTS // 10)):
                del self._digests[old]

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
            known = await self.incidents.known(part.key, group, names, self._since(setting, now), team=part.team)
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
        seen_as: str = "",
        home: NotificationPart | None = None,
    ) -> list[PartResult]:
        # `told`: fingerprints that were split off, whose incident is told by another part.
        # `straight`: it may still turn out to be a repetition. `seen_as`: the group that `text` is the digest of.
        # `home`: what it is a part of, where these alerts were told to another team before.
        firing = [alert.fingerprint for alert in part.alerts if alert.firing]
        ended = [alert.fingerprint for alert in part.alerts if not alert.firing]
        named = asked_tombstones(part, firing)
        began = self.clock.monotonic()
        for _ in range(TRIES):
            if not part.released and self.clock.monotonic() - began > OLD:
                # This process stood still in the middle of it: what has ended since is left out, as of a kept copy.
                part = replace(part, late=True)
            known = await self.incidents.known(part.key, part.group, named, self._since(setting, now), ended, part.team)
            if (straight or known.unreadable) and known.seen is not None and known.seen.digest == text:
                return [repeated_part(known.seen)]
            known = await self.unreadable.known_instead(part, known, now)
            away = {name: key for name, key in known.apart.items() if key != part.key and name not in told}
            if away:
                # What was split off first: once the rest is written, a repetition of the group is a duplicate.
                said, shared = [], self._shared(part, known, away)
                made = divided(part, away, shared)
                for one in made:
                    # The last one says what a repetition of the whole group is known by.
                    last = one is made[-1]
                    said += await self._decide(
                        one, text if last else "", setting, now, adopted if last else (), shared.union(told),
                        seen_as=part.group, home=part if one.key != part.key else None,
                    )  # fmt: skip
                return said
            verdict = await self._judge(part, known, setting, now, [page for page, _ in adopted])
            if verdict is None:
                continue
            if home is not None and verdict.outcome is Outcome.OPENED:
                # What it was told to before is over: it goes to the team that owns it now.
                part, told, home = replace(part, key=home.key), {*told, *firing, *ended}, None
                continue
            try:
                about = known.incident if verdict.outcome is Outcome.DUPLICATE else None
                done = await self.commit(
                    verdict,
                    setting,
                    now,
                    part=part,
                    # What is ignored is not what the group said last: the same words of its own sender count.
                    text="" if verdict.reason == FOREIGN else text,
                    seen_as=seen_as,
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
            until = monitoring_until(incident, setting)
            return [PartResult(incident.id, incident.severity, verdict.outcome, verdict.reason, until)]
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
        view = replace(key_state(known, part), lost=lost, labels=await self._labels(part, known, setting, now))
        if of_another_team(part, known.incident):
            view = replace(view, recent=0, storm="")  # the storms that are known are those of `part.team`
        verdict = on_notification(part, view, setting.policy, new_uid(), now, adopted)
        if verdict.reason == "storm_joined" and not known.storm and verdict.incident is not None:
            within = setting.policy.storm[1].total_seconds() if setting.policy.storm else 0
            why = f"{known.recent} incidents opened within {within:g} s"
            await self.open_storm(verdict.incident.severity, why, setting, now, team=verdict.incident.team)
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
        *,
        team: str = "",
    ) -> None:
        """Open the incident that stands for a storm of `team`; another replica may have been faster.

        `adopted`: pages that were sent for it while the store was away, since `began`, with whether they were accepted.
        """
        # The one before may have been ended by a person, who knew nothing of the key: it leads there still.
        key = storm_key(team)
        sent = [page for page, _ in adopted]
        for _ in range(TRIES):
            before, is_open = (await self.incidents.led([key]))[key]
            if is_open:
                await self._adopt_into(before, adopted, setting, now)
                return
            verdict = open_storm(new_uid(), severity, why, setting.policy.for_team(team), now, before, sent, began)
            # Where another replica was faster, its storm adopts the pages: nothing else would ever resolve them.
            with suppress(StaleVersion):
                await self.commit(verdict, setting, now, adopted=adopted)
                return

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
        seen_as: str = "",
        turn: tuple[str, int] | None = None,
        about: Incident | None = None,
        adopted: Sequence[tuple[Page, bool]] = (),
        once: str | None = None,
        what: str = "",
        into: str = "",
        unpoint: Sequence[str] = (),
        supersedes: str = "",
    ) -> Committed:
        """Write a verdict and start its deliveries. Raises Stale, Repeated or StoreAway.

        `once`: a door's key against repetition, with `what` to recognise it by; `into`, `unpoint`, `supersedes`: see
        store Change.
        """
        incident = verdict.incident
        summary = summarize(incident, setting.policy.of(incident)) if incident else None
        put_off = self._put_off() if adopted else 0
        change = CommitRequest(
            incident=incident,
            about=about,
            events=verdict.events,
            records=verdict.records,
            bodies={name: alert_body(alert) for name, alert in verdict.bodies.items()},
            gone=verdict.gone,
            owners=verdict.owners,
            freed=verdict.freed,
            pointers=verdict.pointers,
            turn=turn,
            seen={seen_as or part.group: text} if part and text else {},
            tombs=verdict.tombs,
            untomb=verdict.untomb,
            rows=outbox_rows(incident, verdict.events, setting, adopted, put_off) if incident else (),
            timers=timers_to_set(incident, setting, put_off) if incident else {},
            held=[(part.group, held_text(part, verdict.held), to_ms(held_until(now)))] if part and verdict.held else (),
            unheld=[part.group] if part and not verdict.held else (),
            once=[once] if once else (),
            what=what,
            storm=None if of_another_team(part, incident) else storm_guard(verdict, setting, now, adopted),
            again=calls_anew(verdict),
            into=into,
            unpoint=unpoint,
            supersedes=supersedes,
            frees=frees(verdict),
            summary=summary,
        )
        # A commit that was sent is not given up with its caller, whose time may end first: what it has leased to this
        # replica would reach nobody until the lease ends, and a retry is answered as a repetition.
        writing = asyncio.ensure_future(self._write(change, verdict, setting, now))
        self._writing.add(writing)
        writing.add_done_callback(self._ended)
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
        except (StaleVersion, RepeatedNotification, StoreLostData):
            heard = True
            raise
        finally:
            if not heard:
                self.unheard(self._doubtful(change, verdict.events, token, began, now))
        self._written(change, verdict.events, began, now, done)
        return done

    def _ended(self, writing: asyncio.Future[Committed]) -> None:
        self._writing.discard(writing)
        if not writing.cancelled():
            writing.exception()  # its caller may have gone: it is read here, so that asyncio reports no forgotten one

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
        team = self.metrics.team(part.team)
        # Counted first: a child of a metric is found through a lock, which took 4 us for each alert.
        for (rule, severity), count in Counter((one.rule, one.severity) for one in part.decisions.values()).items():
            self.metrics.alerts.labels("firing", severity, team).inc(count)
            self.metrics.rule_hits.labels(rule, severity).inc(count)
            self.decided(rule, count, now)
        for one in part.unknowns:
            self.metrics.unknowns.labels(one.kind).inc()
        if part.unknowns:
            self.unsure(part.unknowns, written.id if written else None, now)
        if verdict.ignored:
            self.metrics.resolves_ignored.labels(part.sender.name).inc(verdict.ignored)
            log.warning(
                "resolve_ignored", reason=FOREIGN, sender=part.sender.name, alerts=verdict.ignored,
                incident=written.id if written else None,
            )  # fmt: skip
        if incident is None:
            return
        if ended := sum(not alert.firing for alert in part.alerts):
            self.metrics.alerts.labels("resolved", incident.severity, team).inc(ended)
        if verdict.outcome is Outcome.OPENED:
            self.metrics.opening(incident.severity, None if incident.private else incident.service, incident.team)
            if not incident.estimated:
                late = (now - incident.started_at).total_seconds()
                self.metrics.detect.labels(incident.severity).observe(max(0.0, late))
        count_events(self.metrics, incident, verdict.events)


async def _nothing(now: datetime) -> None:
    return None
