"""One replica without its doors: store, channels, conductors and the loop, built once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from receiver.active_config_builder import alike, build_active_config, make_channels
from receiver.channels.base import Http
from receiver.clock import Clock
from receiver.config import Config
from receiver.config.loader.token_strength import short_names
from receiver.incident.alerts.superseded_incidents import SUPERSEDED
from receiver.incident.timers import (
    BUDGET,
    CHANGES,
    HAND_OVER,
    LEAVE,
    MEASURE,
    RULE,
    SHELTER,
    STORM,
    UNSILENCE,
    VERIFY,
)  # fmt: skip
from receiver.metrics import Metrics
from receiver.model.base import to_ms
from receiver.model.delivery.public_incident import PublicNews
from receiver.model.incident.incident import Incident
from receiver.model.incident.runbook import Runbook
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.alerts.alert_rule_delay import AlertRuleDelay
from receiver.pipeline.alerts.alert_storm import StormTimer
from receiver.pipeline.alerts.alertmanager_reconciliation import NAME as RECONCILE
from receiver.pipeline.alerts.alertmanager_reconciliation import AlertmanagerReconciliation
from receiver.pipeline.alerts.maintenance_windows import MaintenanceWindows
from receiver.pipeline.alerts.measured_severity import SeverityMeasurement
from receiver.pipeline.alerts.watchdog import NAME as WATCHDOG
from receiver.pipeline.alerts.watchdog import WatchdogTimer
from receiver.pipeline.context.recent_changes import RecentChangesReader
from receiver.pipeline.context.runbook_cache import NAME as RUNBOOKS
from receiver.pipeline.context.runbook_cache import RunbookCache
from receiver.pipeline.delivery.channel_test import ChannelTest
from receiver.pipeline.delivery.orphaned_rows import OrphanedRows
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.intake.notification_history import NotificationHistory
from receiver.pipeline.intake.severity_unknowns import SeverityUnknowns
from receiver.pipeline.intake.superseded_incidents import SupersededIncidents
from receiver.pipeline.metric_series import create_series
from receiver.pipeline.oncall.handoffs import Handoffs
from receiver.pipeline.oncall.on_call_overview import OnCallOverview
from receiver.pipeline.oncall.overrides import HANDOFF, Overrides
from receiver.pipeline.oncall.user_groups import NAME as GROUPS
from receiver.pipeline.oncall.user_groups import UserGroups
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.response.adhoc_pages import AdhocPages
from receiver.pipeline.response.command_handler import CommandHandler
from receiver.pipeline.response.fix_verification import FixVerification
from receiver.pipeline.response.gammu_inbox import NAME as INBOX
from receiver.pipeline.response.gammu_inbox import GammuInbox
from receiver.pipeline.response.ntfy_replies import NAME as REPLIES
from receiver.pipeline.response.ntfy_replies import NtfyReplies
from receiver.pipeline.response.pagerduty_events import PagerDutyEvents
from receiver.pipeline.response.phone_answers import PhoneAnswers
from receiver.pipeline.response.silences import Silences
from receiver.pipeline.response.sms_answers import SmsAnswers
from receiver.pipeline.response.split import IncidentSplit
from receiver.pipeline.response.ticket_sync import NAME as TICKETS
from receiver.pipeline.response.ticket_sync import TicketSync
from receiver.pipeline.review.error_budgets import ErrorBudgets
from receiver.pipeline.review.incident_archive import GRACE, IncidentArchive
from receiver.pipeline.review.incident_archive import NAME as ARCHIVE
from receiver.pipeline.review.reports import NAME as MONTHLY
from receiver.pipeline.review.reports import Reports
from receiver.pipeline.shared_documents import NOTHING, Documents
from receiver.pipeline.slack.command_runner import SlackCommandRunner
from receiver.pipeline.slack.interactions import SlackInteractions
from receiver.pipeline.slack.requests import SlackRequests
from receiver.pipeline.status.public_view import PublicView
from receiver.pipeline.store_outage.emergency_escalation import EmergencyEscalation
from receiver.pipeline.store_outage.emergency_pages import EmergencyPages
from receiver.pipeline.store_outage.refused_notifications import RefusedNotifications
from receiver.pipeline.store_outage.store_monitor import GOOD, StoreMonitor
from receiver.pipeline.store_outage.unfinished_at_exit import UnfinishedAtExit, end_process
from receiver.pipeline.supervision import Supervisor
from receiver.pipeline.worker.auditor import Auditor
from receiver.pipeline.worker.hang_detector import HangDetector
from receiver.pipeline.worker.heartbeat import NAME as HEARTBEAT
from receiver.pipeline.worker.heartbeat import Heartbeat
from receiver.pipeline.worker.work_loop import WorkLoop
from receiver.sources.http_client import SourceClient
from receiver.store.answer_tokens import AnswerTokens
from receiver.store.client.connection import Connection, StoreAway
from receiver.store.client.connection_lanes import Lane
from receiver.store.client.store_endpoint import Endpoint
from receiver.store.client.store_errors import StoreUnsupported
from receiver.store.due.due_set import DueSet
from receiver.store.due.lane_owners import LaneOwners
from receiver.store.embedded.embedded_store import EmbeddedStore
from receiver.store.embedded.folder_lock import EmbeddedStoreError
from receiver.store.incidents.incident_archive import Archive
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.incidents.review_record_reader import ReviewRecordReader
from receiver.store.incidents.ticket_states import TicketStates
from receiver.store.notification_history import HistoryList
from receiver.store.refused_notifications_file import RefusedNotificationsFile
from receiver.store.severity_unknowns import UnknownsList
from receiver.store.shared_documents import SharedDocuments

WATCH = 0.5
"""Seconds between two looks at the embedded store's process."""

ESSENTIAL = ("loop", "beside", "monitor", "refused", "store")
"""Tasks without which a replica pages nobody."""
CLOSE_LIMIT = 5.0
"""Seconds that a part may take to write what it holds, or to close."""

log = structlog.get_logger("receiver")


def _kept_s(config: Config) -> int:
    # What goes to a file leaves the store when it has been written, and not by itself.
    kept = config.incidents.history + (GRACE if config.incidents.archive else timedelta())
    return round(kept.total_seconds())


class Replica:
    """What takes notifications and sends what they call for."""

    def __init__(
        self, config: Config, *, url: str | Endpoint, embedded: EmbeddedStore | None = None, clock: Clock | None = None
    ) -> None:
        """`url` is the store's, or all that is needed to reach it; `embedded` is started again when it ends."""
        self.config = config
        self.embedded = embedded
        self.clock = clock or Clock()
        self.metrics = Metrics()
        self.connection = Connection(
            url, config.redis.namespace, durability=config.redis.durability, replicas=config.redis.replicas
        )
        self.http = Http(total=config.redis.send_deadline.total_seconds())
        self.runbook_cache = RunbookCache(lambda: self.setting, self.clock, self.metrics)
        self.setting: ActiveConfig = build_active_config(config, make_channels(config, self.http), guides=self._guides)
        self.incident_cache = IncidentCache(self.metrics)
        self.incidents = IncidentStore(self.connection, history_s=_kept_s(config))
        self.due = DueSet(self.connection, self.setting.lanes, lease_ms=self.setting.lease_ms)
        self.monitor = StoreMonitor(self.connection, self.clock, self.metrics)
        self.monitor.came_back.append(self._able_again)
        self.supervisor = Supervisor(self.clock, self.metrics)
        self.work = WorkLoop(
            lambda: self.setting, self.incidents, self.due, self.incident_cache, self.monitor, self.clock, self.metrics
        )
        self.intake = Intake(
            lambda: self.setting,
            self.connection,
            self.incidents,
            self.due,
            self.incident_cache,
            self.clock,
            self.metrics,
            self.work.committed,
        )
        self.unknowns = SeverityUnknowns(UnknownsList(self.connection))
        self.intake.unsure = self.unknowns.note
        self.history = NotificationHistory(lambda: self.setting, HistoryList(self.connection))
        self.intake.kept = self.history.keep
        self.respond = CommandHandler(lambda: self.setting, self.incidents, self.intake, self.metrics)
        self.incident_split = IncidentSplit(lambda: self.setting, self.incidents, self.intake, self.respond)
        self.work.asking[LEAVE] = self.incident_split.leave
        self.calls = AdhocPages(lambda: self.setting, self.due)
        self.board = SharedDocuments(self.connection)
        self.pages = EmergencyPages(self.incident_cache, self.clock, self.metrics)
        self.refused = RefusedNotifications(
            lambda: self.setting, self.intake, self.monitor, self.pages, self.clock, self.metrics
        )
        owed = RefusedNotificationsFile(Path(config.redis.data_dir)) if embedded is not None else None
        self.owed = UnfinishedAtExit(self.refused, owed)
        self.hang_detector = HangDetector(
            self.clock, self.supervisor.longest_down, lambda reason: end_process(reason, self.owed)
        )
        self.monitor.stood_still_until = self.hang_detector.stood_still_until
        self.work.unstored.stood_still_until = self.hang_detector.stood_still_until
        self.pages.doubtful = lambda: self.monitor.away and not self.monitor.surely_away
        self.intake.adopting = lambda: len(self.refused)
        self.refused.spawn = self.pages.spawn = self.work.spawn
        self.work.deliver.sent_before = self.pages.accepted_lately
        self.refused.in_doubt = self.work.unheard.uids
        self.refused.doubted_groups = self.work.unheard.groups
        self.work.attach(self.intake)
        self.work.asking[HAND_OVER] = self.respond.hand_over
        superseded = SupersededIncidents(lambda: self.setting, self.incidents, self.intake)
        self.work.asking[SUPERSEDED] = superseded.look
        storm = StormTimer(lambda: self.setting, self.incidents, self.due, self.intake)
        self.work.asking[STORM] = storm.look
        self.able_since = self.clock.now()
        self.watchdog = WatchdogTimer(
            lambda: self.setting, self.incidents, self.due, self.intake, self.metrics, lambda: self.able_since
        )
        self.intake.beaten = self.watchdog.beaten
        self.work.clockwork[WATCHDOG] = self.watchdog.look
        self.auditor = Auditor(lambda: self.setting, self.work.follower, self.due, self.clock, self.metrics)
        self.asking = SourceClient()
        self.work.steps = EmergencyEscalation(
            lambda: self.setting, self.work.snapshots, self.pages, self.intake, self.monitor, self.asking, self.clock
        )
        self.work.steps.spawn = self.work.spawn
        self.verify = FixVerification(lambda: self.setting, self.incidents, self.intake, self.asking)
        self.work.asking[VERIFY] = self.verify.look
        self.measure = SeverityMeasurement(lambda: self.setting, self.incidents, self.intake, self.asking, self.metrics)
        self.work.asking[MEASURE] = self.measure.look
        self.intake.measured = self.measure.known
        self.changes = RecentChangesReader(lambda: self.setting, self.incidents, self.intake, self.asking, self.metrics)
        self.work.asking[CHANGES] = self.changes.look
        self.alert_rule = AlertRuleDelay(lambda: self.setting, self.incidents, self.intake, self.asking)
        self.work.asking[RULE] = self.alert_rule.look
        self.budgets = ErrorBudgets(lambda: self.setting, self.incidents, self.intake, self.asking)
        self.work.asking[BUDGET] = self.budgets.look
        self.reconcile = AlertmanagerReconciliation(
            lambda: self.setting, self.incident_cache, self.incidents, self.intake, self.asking, self.metrics
        )
        self.work.clockwork[RECONCILE] = self.reconcile.look
        self.silences = Silences(lambda: self.setting, self.incidents, self.respond, self.intake, self.asking)
        self.work.asking[UNSILENCE] = self.silences.end
        self.heartbeat = Heartbeat(lambda: self.setting, self.asking, self.auditor.look, self.work.deliver.resting)
        self.work.clockwork[HEARTBEAT] = self.heartbeat.beat
        self.pagerduty_events = PagerDutyEvents(
            lambda: self.setting, self.work.follower, self.incidents, self.respond, self.asking
        )
        self.phone_answers = PhoneAnswers(
            lambda: self.setting, self.incidents, self.respond, AnswerTokens(self.connection)
        )
        self.work.deliver.issue = self.phone_answers.issue
        sms = SmsAnswers(lambda: self.setting, self.work.follower, self.incidents, self.respond)
        self.inbox = GammuInbox(lambda: self.setting, sms, self.clock)
        self.replies = NtfyReplies(lambda: self.setting, self.phone_answers, self.clock)
        seen = TicketStates(self.connection, history_s=round(config.incidents.history.total_seconds()))
        self.tickets = TicketSync(lambda: self.setting, self.incidents, seen, self.respond, self.metrics)
        self.work.clockwork[TICKETS] = self.tickets.look
        pasts = ReviewRecordReader(self.connection)
        self.reports = Reports(lambda: self.setting, pasts, self.due, self.clock, self.metrics, self.budgets)
        self.work.clockwork[MONTHLY] = self.reports.post
        self.intake.absorbed = self.reports.absorb
        self.incident_archive = IncidentArchive(lambda: self.setting, Archive(self.connection), self.incidents)
        self.work.clockwork[ARCHIVE] = self.incident_archive.look
        self.posted: Documents = NOTHING
        self.work.read_board = self.read_board
        self.maintenance_windows = MaintenanceWindows(
            lambda: self.setting, self.board, self.read_board, self.incident_cache, self.incidents, self.intake
        )
        self.work.asking[SHELTER] = self.maintenance_windows.look
        self.schedules = OnCallOverview(lambda: self.setting, lambda: self.posted)
        self.overrides = Overrides(self.schedules, self.board, self.due, self.read_board)
        self.work.clockwork[GROUPS] = UserGroups(lambda: self.setting, self.schedules, self.board).look
        self._publicity: tuple[Config, PublicView] | None = None
        self.work.deliver.public = self._public_news
        unserved = OrphanedRows(
            lambda: self.setting, LaneOwners(self.connection), self.due, self.incidents, self.work.deliver,
            lambda: self.config.off,
        )  # fmt: skip
        self.work.deliver.unserved, self.work.tend = unserved.one, unserved.look
        self.channel_test = ChannelTest(lambda: self.setting, self.work.deliver, lambda: self.config.off)
        self.slack_requests = SlackRequests(lambda: self.setting, self.incident_cache, self.incidents)
        self.slack_commands = SlackCommandRunner(
            self.slack_requests, self.respond, self.calls, self.overrides, self.silences
        )
        self.slack_interactions = SlackInteractions(self.slack_requests, self.slack_commands)
        handover = Handoffs(
            lambda: self.setting, self.schedules, self.board, self.due, self.incidents, self.incident_cache, pasts
        )
        self.work.clockwork[HANDOFF] = handover.hand_off
        self.work.clock_agreement.stepped.append(self._clock_set)
        self.work.recovery.hear_again = self.intake.hear_again
        self.work.recovery.check = self.reconcile.check
        self.work.recovery.board = lambda: (self.work.board, self.posted)
        self._lay_out()

    def _lay_out(self) -> None:
        create_series(self.metrics, self.setting, (*self.work.clockwork, *self.work.asking, RUNBOOKS))
        service = self.config.service
        where = self.config.base_url or f"http://{self.config.server.listen}"
        self.metrics.short_tokens.set(len(short_names(self.config.auth, self.config.server)))
        self.metrics.serves(service.name, service.environment, where)

    def _guides(self) -> tuple[Runbook, ...]:
        return self.runbook_cache.known

    def _public_news(self, incident: Incident) -> PublicNews:
        if self._publicity is None or self._publicity[0] is not self.config:
            self._publicity = (self.config, PublicView(self.config))
        return self._publicity[1].news(incident, self.incident_cache.public.open())

    def _clock_set(self, now: datetime) -> None:
        # What this replica has dated by the clock before would be believed for as long as that was wrong.
        self.able_since = now
        self.work.deliver.circuits.clear()
        self.reconcile.forget()
        self.tickets.forget()

    def _able_again(self, now: datetime) -> None:
        self.able_since = now

    def apply(self, config: Config) -> None:
        """Let `config` take effect, whole; what is under way ends by the setting that it began with.

        A channel whose settings have not changed stays as it is, with what it has learnt. What one that is gone still
        owes is left to replicas that know it; once there are none it is given up (pipeline/delivery/orphaned_rows.py).
        """
        before = self.setting.channels
        made = make_channels(config, self.http)
        same = {name: before[name] for name, new in made.items() if name in before and alike(before[name], new)}
        self.config = config
        self.setting = build_active_config(config, {**made, **same}, self.posted, self._guides)
        self._lay_out()
        self.incidents.history_s = _kept_s(config)
        self.due.lanes = self.setting.lanes
        self.work.renew()

    async def read_board(self) -> int:
        """Take over what people have put up at run time, and return the board's revision. Raises StoreAway."""
        revision, self.posted = await self.board.read()
        self.setting = build_active_config(self.config, self.setting.channels, self.posted, self._guides)
        return revision

    async def open_store(self) -> None:
        """Look at the store and read what is open; a store that is away is said, and is no reason not to start.

        Raises StoreUnsupported: a server that cannot be the store will not become one.
        """
        try:
            await self.monitor.inspect()
            await self.work.clock_agreement.first()
            if self.embedded is not None:
                # Nobody else can reach it: whoever held these leases is gone.
                await self.due.free(to_ms(self.clock.now()))
            await self.work.load()
        except StoreAway as away:
            if isinstance(away, StoreUnsupported):
                raise
            # A replica that cannot reach the store can still page in an emergency.
            self.monitor.failed(away)

    def run(self) -> None:
        """Start the tasks that run as long as the service does."""
        tasks: dict[str, tuple[Callable[[], Awaitable[None]], Lane]] = {
            "loop": (self.work.run, Lane.BEAT),
            "beside": (self.work.run_beside, Lane.BEAT),
            "monitor": (self.monitor.run, Lane.PROBE),
            "refused": (self.refused.run, Lane.DEBTS),
            "audit": (self.auditor.run, Lane.WORKER),
            "unknowns": (self.unknowns.run, Lane.WORKER),
            "history": (self.history.run, Lane.WORKER),
            "figures": (self.reports.run, Lane.WORKER),
            RUNBOOKS: (self.runbook_cache.run, Lane.WORKER),
            REPLIES: (self.replies.run, Lane.WORKER),
            INBOX: (self.inbox.run, Lane.WORKER),
        }
        if self.connection.locator is not None:
            tasks["primary"] = (self.connection.locator.follow, Lane.PROBE)
        if self.embedded is not None:
            tasks["store"] = (partial(self._watch, self.embedded), Lane.WORKER)
        self.owed.restore()
        for name, (run, kind) in tasks.items():
            self.supervisor.start(name, run, kind, essential=name in ESSENTIAL)
        self.hang_detector.start()

    async def turn(self) -> None:
        """Do once what the tasks do for ever: for stories, whose clock is pushed."""
        for _ in range(GOOD):
            if self.monitor.away or self.monitor.suspect:
                await self.monitor.check()
        await self.refused.run_once()
        await self.work.guarded_beat()

    async def _watch(self, embedded: EmbeddedStore) -> None:
        while True:
            await asyncio.sleep(WATCH)
            if not embedded.alive():
                log.error("embedded_store_ended", next="it is started again")
                with suppress(EmbeddedStoreError):
                    await asyncio.to_thread(embedded.restart)

    async def settle(self) -> None:
        """Claim nothing more, and let what is being sent end."""
        self.supervisor.stopping = self.refused.stopping = True
        await self.work.stop(self.setting.deadline.total_seconds() + 1)

    async def close(self) -> None:
        """End every task and every connection."""
        self.hang_detector.stop()
        await self.supervisor.stop()
        self.owed.save()
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "unknowns": self.unknowns.flush, "history": self.history.flush, "reports": self.reports.flush,
            "http": self.http.close, "asking": self.asking.close, "store": self.connection.close,
        }  # fmt: skip
        for name, close in parts.items():
            # What fails in one of them is no reason to leave the others as they are.
            (failed,) = await asyncio.gather(asyncio.wait_for(close(), CLOSE_LIMIT), return_exceptions=True)
            if failed is not None:
                log.error("close_failed", part=name, error=type(failed).__name__, reason=str(failed)[:200])
