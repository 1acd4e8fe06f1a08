"""What the doors are given: one frozen object behind a typed key, so that no door reaches for a global."""

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
from receiver.pipeline.delivery.channel_test import ChannelTest
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.intake.notification_history import NotificationHistory
from receiver.pipeline.intake.severity_unknowns import SeverityUnknowns
from receiver.pipeline.oncall.overrides import Overrides
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.response.adhoc_pages import AdhocPages
from receiver.pipeline.response.command_handler import CommandHandler
from receiver.pipeline.response.pagerduty_events import PagerDutyEvents
from receiver.pipeline.response.phone_answers import PhoneAnswers
from receiver.pipeline.response.silences import Silences
from receiver.pipeline.response.split import IncidentSplit
from receiver.pipeline.review.incident_archive import IncidentArchive
from receiver.pipeline.review.reports import Reports
from receiver.pipeline.slack.command_runner import SlackCommandRunner
from receiver.pipeline.slack.interactions import SlackInteractions
from receiver.pipeline.slack.requests import SlackRequests
from receiver.pipeline.store_outage.refused_notifications import RefusedNotifications
from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.pipeline.supervision import Supervisor
from receiver.pipeline.worker.work_loop import WorkLoop
from receiver.store.client.connection import Connection
from receiver.store.due.due_set import DueSet
from receiver.store.incidents.incident_store import IncidentStore


@dataclass
class ServiceState:
    """Where the process stands between its start and its end."""

    ready: bool = False
    """Configured and listening."""
    draining: bool = False
    """Told to end: what has begun is finished, nothing new is taken."""


@dataclass(frozen=True)
class AppParts:
    """Everything behind the doors of one replica."""

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
    """The configuration in force, as the conductors have it."""
    respond: CommandHandler
    calls: AdhocPages
    pagerduty_events: PagerDutyEvents
    phone_answers: PhoneAnswers
    slack_requests: SlackRequests
    slack_commands: SlackCommandRunner
    slack_interactions: SlackInteractions
    silences: Silences
    incident_split: IncidentSplit
    maintenance_windows: MaintenanceWindows
    overrides: Overrides
    unknowns: SeverityUnknowns
    history: NotificationHistory
    channel_test: ChannelTest
    reports: Reports
    incident_archive: IncidentArchive
    work: WorkLoop
    """The loop, for its last beat."""
    reload: Callable[[], Awaitable[Reloaded]]
    """Reads the configuration anew."""
    stood_still: Callable[[], bool] = lambda: False
    """Whether this process has just stood still, so that a request may have waited for long."""

    @property
    def config(self) -> Config:
        """The configuration in force: a reload replaces it."""
        return self.configured()


DOORS = web.AppKey("doors", AppParts)
