"""What the doors are given: one frozen object behind a typed key, so that no door reaches for a global."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from receiver.clock import Clock
from receiver.config import Config
from receiver.config.reload_result import Reloaded
from receiver.metrics import Metrics
from receiver.pipeline.active_config import Setting
from receiver.pipeline.alerts.maintenance_windows import Upkeep
from receiver.pipeline.delivery.channel_test import Trying
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.intake.notification_history import History
from receiver.pipeline.intake.severity_unknowns import Unknowns
from receiver.pipeline.oncall.overrides import Duty
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.response.adhoc_pages import Calls
from receiver.pipeline.response.command_handler import Respond
from receiver.pipeline.response.pagerduty_events import PagerNews
from receiver.pipeline.response.phone_answers import PhoneAnswers
from receiver.pipeline.response.silences import Silencing
from receiver.pipeline.response.split import Splitting
from receiver.pipeline.review.incident_archive import Archiving
from receiver.pipeline.review.reports import Reports
from receiver.pipeline.slack.command_runner import SlackCommands
from receiver.pipeline.slack.interactions import SlackClicks
from receiver.pipeline.slack.requests import Desk
from receiver.pipeline.store_outage.refused_notifications import RefusedNotifications
from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.pipeline.supervision import Supervisor
from receiver.pipeline.worker.work_loop import Work
from receiver.store.client.connection import Connection
from receiver.store.due.due_set import Due
from receiver.store.incidents.incident_store import Incidents


@dataclass
class ServiceState:
    """Where the process stands between its start and its end."""

    ready: bool = False
    """Configured and listening."""
    draining: bool = False
    """Told to end: what has begun is finished, nothing new is taken."""


@dataclass(frozen=True)
class Doors:
    """Everything behind the doors of one replica."""

    configured: Callable[[], Config]
    intake: Intake
    monitor: StoreMonitor
    refused: RefusedNotifications
    supervisor: Supervisor
    incidents: Incidents
    due: Due
    mirror: IncidentCache
    metrics: Metrics
    clock: Clock
    connection: Connection
    state: ServiceState
    setting: Callable[[], Setting]
    """The configuration in force, as the conductors have it."""
    respond: Respond
    calls: Calls
    pager_news: PagerNews
    phone_answers: PhoneAnswers
    slack_desk: Desk
    slack_commands: SlackCommands
    slack_clicks: SlackClicks
    silencing: Silencing
    splitting: Splitting
    upkeep: Upkeep
    duty: Duty
    unknowns: Unknowns
    history: History
    trying: Trying
    reports: Reports
    archiving: Archiving
    work: Work
    """The loop, for its last beat."""
    reload: Callable[[], Awaitable[Reloaded]]
    """Reads the configuration anew."""
    stood_still: Callable[[], bool] = lambda: False
    """Whether this process has just stood still, so that a request may have waited for long."""

    @property
    def config(self) -> Config:
        """The configuration in force: a reload replaces it."""
        return self.configured()


DOORS = web.AppKey("doors", Doors)
