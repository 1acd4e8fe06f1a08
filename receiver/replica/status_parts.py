"""Builds the public parts: the status page, announcements, and mail to subscribers."""

from __future__ import annotations

from datetime import datetime

from receiver.config import Config
from receiver.model.delivery.public_incident import PublicIncident, PublicNews, PublicPage
from receiver.model.incident.incident import Incident
from receiver.pipeline.status.announcements import Announcements
from receiver.pipeline.status.public_history import PublicHistory
from receiver.pipeline.status.public_view import PublicView, public_id
from receiver.pipeline.subscriptions.status_subscriptions import StatusSubscriptions
from receiver.pipeline.subscriptions.subscriber_mailer import SubscriberMailer
from receiver.replica.base import ReplicaBase
from receiver.store.public_history import PublicHistoryStore
from receiver.store.status_subscribers import StatusSubscribers
from receiver.store.subscriber_mail import SubscriberMail


class StatusParts(ReplicaBase):
    """Adds the parts of `pipeline/status/` and `pipeline/subscriptions/`."""

    def build_status_parts(self) -> None:
        """Build the parts, and connect them to the deliveries."""
        self._view: tuple[Config, PublicView] | None = None
        self.work.deliver.notices.public = self._public_news
        self.subscriptions = StatusSubscriptions(
            self.in_force, self.active, StatusSubscribers(self.connection), SubscriberMail(self.connection)
        )
        self.subscriber_mailer = SubscriberMailer(
            self.in_force, self.active, self.subscriptions, self._public_page, self.clock, self.metrics
        )
        self.subscriber_mailer.busy = self.work.pool.urgent_waiting
        self.subscriber_mailer.away = lambda: self.monitor.away
        self.subscriber_mailer.catch_up = self.work.follower.catch_up
        self.subscriber_mailer.private_since = self._private_since
        self.public_history = PublicHistory(
            PublicHistoryStore(self.connection), self.incident_cache.public, self.work.follower, self.clock
        )
        self.public_history.away = lambda: self.monitor.away
        self.announcements = Announcements(self.active, self.shared_documents, self.read_shared_documents)

    def _public_news(self, incident: Incident) -> PublicNews:
        return self._public_view().news(incident, self.incident_cache.public.open())

    def _public_page(self, now: datetime) -> tuple[PublicPage, tuple[PublicIncident, ...]]:
        view = self._public_view()
        public = self.incident_cache.public
        page = view.page(public.open(), now, self.setting.maintenance, self.setting.announcements)
        return page, view.past(public.over(), 200)

    def _private_since(self) -> dict[str, datetime]:
        return {public_id(uid): at for uid, at in self.incident_cache.public.private_since.items()}

    def _public_view(self) -> PublicView:
        if self._view is None or self._view[0] is not self.config:
            self._view = (self.config, PublicView(self.config))
        return self._view[1]
