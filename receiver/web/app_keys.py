"""The dependencies of request handlers: one frozen object behind a typed key, instead of globals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from receiver.clock import Clock
from receiver.config import Config
from receiver.config.reload_result import Reloaded
from receiver.metrics import Metrics
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.alerts.maintenance_windows import MaintenanceWindows
from receiver.pipeline.context.expression_graphs import ExpressionGraphs
from receiver.pipeline.context.similar_incidents import SeenBefore
from receiver.pipeline.delivery.channel_test import ChannelTest
from receiver.pipeline.delivery.phone_reports import PhoneReports
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.intake.notification_history import NotificationHistory
from receiver.pipeline.intake.rule_hits import RuleHitCounter
from receiver.pipeline.intake.severity_unknowns import SeverityUnknowns
from receiver.pipeline.oncall.overrides import Overrides
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.response.adhoc_pages import AdhocPages
from receiver.pipeline.response.command_handler import CommandHandler
from receiver.pipeline.response.pagerduty_events import PagerDutyEvents
from receiver.pipeline.response.phone_answers import PhoneAnswers
from receiver.pipeline.response.reachability_tests import ReachabilityTests
from receiver.pipeline.response.silences import Silences
from receiver.pipeline.response.split import IncidentSplit
from receiver.pipeline.response.twilio_answers import TwilioAnswers
from receiver.pipeline.review.incident_archive import IncidentArchive
from receiver.pipeline.review.reports import Reports
from receiver.pipeline.sign_in.providers import Providers
from receiver.pipeline.sign_in.session_keeper import SessionKeeper
from receiver.pipeline.slack.command_runner import SlackCommandRunner
from receiver.pipeline.slack.interactions import SlackInteractions
from receiver.pipeline.slack.requests import SlackRequests
from receiver.pipeline.status.announcements import Announcements
from receiver.pipeline.store_outage.refused_notifications import RefusedNotifications
from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.pipeline.subscriptions.status_subscriptions import StatusSubscriptions
from receiver.pipeline.supervision import Supervisor
from receiver.pipeline.worker.work_loop import WorkLoop
from receiver.store.client.connection import Connection
from receiver.store.due.due_set import DueSet
from receiver.store.incidents.incident_store import IncidentStore


@dataclass
class ServiceState:
    """The state of the process, from its start to its end."""

    ready: bool = False
    """Configured and listening."""
    draining: bool = False
    """Stopping: requests in progress are finished, and no new one is accepted."""


@dataclass(frozen=True)
class PhoneHandlers:
    """The handlers of responses from phones."""

    answers: PhoneAnswers
    twilio: TwilioAnswers
    reports: PhoneReports


@dataclass(frozen=True)
class SlackHandlers:
    """The handlers of requests from Slack."""

    requests: SlackRequests
    commands: SlackCommandRunner
    interactions: SlackInteractions


@dataclass(frozen=True)
class AppParts:
    """The dependencies of the handlers of one replica."""

    configured: Callable[[], Config]
    intake: Intake
    monitor: StoreMonitor
    refused: RefusedNotifications
    supervisor: Supervisor
    incidents: IncidentStore
    due: DueSet
    incident_cache: IncidentCache
    metrics: Metrics
    clock: Clock
    connection: Connection
    state: ServiceState
    setting: Callable[[], ActiveConfig]
    """The configuration in effect, as the pipeline uses it."""
    respond: CommandHandler
    calls: AdhocPages
    pagerduty_events: PagerDutyEvents
    phones: PhoneHandlers
    slack: SlackHandlers
    reachability: ReachabilityTests
    silences: Silences
    incident_split: IncidentSplit
    maintenance_windows: MaintenanceWindows
    overrides: Overrides
    unknowns: SeverityUnknowns
    rule_hits: RuleHitCounter
    history: NotificationHistory
    channel_test: ChannelTest
    reports: Reports
    incident_archive: IncidentArchive
    seen_before: SeenBefore
    expressions: ExpressionGraphs
    sessions: SessionKeeper
    providers: Providers
    subscriptions: StatusSubscriptions
    announcements: Announcements
    work: WorkLoop
    """The work loop, for the time of its last poll."""
    reload: Callable[[], Awaitable[Reloaded]]
    """Reloads the configuration."""
    stood_still: Callable[[], bool] = lambda: False
    """Whether this process was suspended a moment ago, so that a request may have waited for a long time."""

    @property
    def config(self) -> Config:
        """The configuration in effect: a reload replaces it."""
        return self.configured()


PARTS = web.AppKey("parts", AppParts)
