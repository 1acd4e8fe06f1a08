"""The common parts of a replica: store, current configuration, intake, commands and the work loop."""

from __future__ import annotations

from datetime import datetime, timedelta

from receiver.active_config_builder import build_active_config, make_channels, same_settings
from receiver.channels.base import Http
from receiver.clock import Clock
from receiver.config import Config
from receiver.incident.name_lookup import id_readings
from receiver.incident.timers import HAND_OVER
from receiver.metrics import Metrics
from receiver.model.incident.runbook import Runbook
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.context.runbook_cache import RunbookCache
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.response.command_handler import CommandHandler
from receiver.pipeline.review.incident_archive import GRACE
from receiver.pipeline.shared_documents import NOTHING, Documents
from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.pipeline.supervision import Supervisor
from receiver.pipeline.worker.work_loop import WorkLoop
from receiver.sources.http_client import SourceClient
from receiver.store.client.connection import Connection
from receiver.store.client.store_endpoint import Endpoint
from receiver.store.due.due_set import DueSet
from receiver.store.embedded.embedded_store import EmbeddedStore
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.shared_documents import SharedDocuments


def _kept_s(config: Config) -> int:
    # Incidents that are archived are removed once the file is written, instead of expiring.
    kept = config.incidents.history + (GRACE if config.incidents.archive else timedelta())
    return round(kept.total_seconds())


class ReplicaBase:
    """The base of a replica. Each sub-package adds its parts in a subclass."""

    def __init__(
        self, config: Config, *, url: str | Endpoint, embedded: EmbeddedStore | None = None, clock: Clock | None = None
    ) -> None:
        """`url`: the store's address, or all data to connect to it; `embedded` is restarted if it ends."""
        self.config = config
        self.embedded = embedded
        self.clock = clock or Clock()
        self.metrics = Metrics()
        self.connection = Connection(
            url, config.redis.namespace, durability=config.redis.durability, replicas=config.redis.replicas
        )
        self.http = Http(total=config.redis.send_deadline.total_seconds())
        self.source_client = SourceClient()
        self.runbook_cache = RunbookCache(self.active, self.clock, self.metrics)
        self.setting: ActiveConfig = build_active_config(
            config, make_channels(config, self.http), guides=self._known_runbooks
        )
        self.posted: Documents = NOTHING
        self.supervisor = Supervisor(self.clock, self.metrics)
        self._build_store()
        self._build_loop()

    def _build_store(self) -> None:
        self.incident_cache = IncidentCache(self.metrics)
        self.incidents = IncidentStore(self.connection, history_s=_kept_s(self.config))
        self.incidents.readings = lambda text: id_readings(text, self.config.incidents.id, self.clock.now())
        self.due = DueSet(self.connection, self.setting.lanes, lease_ms=self.setting.lease_ms)
        self.shared_documents = SharedDocuments(self.connection)
        self.monitor = StoreMonitor(self.connection, self.clock, self.metrics)
        self.able_since = self.clock.now()
        self.monitor.came_back.append(self._able_again)

    def _build_loop(self) -> None:
        self.work = WorkLoop(
            self.active, self.incidents, self.due, self.incident_cache, self.monitor, self.clock, self.metrics
        )
        self.intake = Intake(
            self.active,
            self.connection,
            self.incidents,
            self.due,
            self.incident_cache,
            self.clock,
            self.metrics,
            self.work.committed,
        )
        self.work.attach(self.intake)
        self.work.read_shared_documents = self.read_shared_documents
        self.work.recovery.store_again = self.intake.store_again
        self.work.recovery.shared_documents = lambda: (self.work.documents_revision, self.posted)
        self.respond = CommandHandler(self.active, self.incidents, self.intake, self.metrics)
        self.work.timers.incident_timers[HAND_OVER] = self.respond.hand_over

    def active(self) -> ActiveConfig:
        """Return the current configuration, as the pipeline uses it."""
        return self.setting

    def in_force(self) -> Config:
        """Return the current configuration, as it was read."""
        return self.config

    def activate(self, config: Config) -> None:
        """Apply `config`. A channel whose settings are unchanged keeps its state, such as its connection."""
        before = self.setting.channels
        made = make_channels(config, self.http)
        same = {name: before[name] for name, new in made.items() if name in before and same_settings(before[name], new)}
        self.config = config
        self.setting = build_active_config(config, {**made, **same}, self.posted, self._known_runbooks)
        self.incidents.history_s = _kept_s(config)
        self.due.lanes = self.setting.lanes

    async def read_shared_documents(self) -> int:
        """Apply the documents that people have changed at run time, and return their revision. Raises StoreAway."""
        revision, self.posted = await self.shared_documents.read()
        self.setting = build_active_config(self.config, self.setting.channels, self.posted, self._known_runbooks)
        return revision

    def _known_runbooks(self) -> tuple[Runbook, ...]:
        return self.runbook_cache.known

    def _able_again(self, now: datetime) -> None:
        self.able_since = now
