"""What the doors are given: one frozen object behind a typed key, so that no door reaches for a global."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from receiver.clock import Clock
from receiver.config import Config
from receiver.config.reloaded import Reloaded
from receiver.metrics import Metrics
from receiver.pipeline.archiving import Archiving
from receiver.pipeline.calls import Calls
from receiver.pipeline.duty import Duty
from receiver.pipeline.history import History
from receiver.pipeline.incident_cache import IncidentCache
from receiver.pipeline.intake import Intake
from receiver.pipeline.pager_news import PagerNews
from receiver.pipeline.phone_answers import PhoneAnswers
from receiver.pipeline.refused_notifications import RefusedNotifications
from receiver.pipeline.reports import Reports
from receiver.pipeline.respond import Respond
from receiver.pipeline.setting import Setting
from receiver.pipeline.silencing import Silencing
from receiver.pipeline.slack_clicks import SlackClicks
from receiver.pipeline.slack_commands import SlackCommands
from receiver.pipeline.slack_desk import Desk
from receiver.pipeline.splitting import Splitting
from receiver.pipeline.store_monitor import StoreMonitor
from receiver.pipeline.supervision import Supervisor
from receiver.pipeline.trying import Trying
from receiver.pipeline.unknowns import Unknowns
from receiver.pipeline.upkeep import Upkeep
from receiver.pipeline.work import Work
from receiver.store.connection import Connection
from receiver.store.due import Due
from receiver.store.incidents import Incidents


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
