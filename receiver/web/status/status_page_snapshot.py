"""A snapshot of the status page for one second: built once, no matter how many requests there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from multidict import CIMultiDict

from receiver.config import Config
from receiver.model.delivery.public_incident import PublicIncident, PublicPage
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.open_incidents.public_incidents import PublicIncidents
from receiver.pipeline.status.component_history import ComponentHistory, component_history
from receiver.pipeline.status.public_view import PublicView
from receiver.web.json.statuspage_json import page_shape

LAST = 50
"""Maximum number of incidents in feeds and lists."""
ANSWERS_KEPT = 500
"""Maximum number of cached responses of one snapshot: pages times languages, and requested days."""


@dataclass
class StatusPageSnapshot:
    """The contents of one second."""

    made_of: tuple[object, ...]
    """Its identity: configuration, setting, state of the public incidents, availability of the store, and second."""
    page: PublicPage
    past: tuple[PublicIncident, ...]
    """Past incidents, newest first."""
    histories: dict[str, ComponentHistory]
    """The last 90 days of each component, by id."""
    since: datetime
    """The time from which on all incidents are known."""
    away: bool
    """Whether the store does not answer, so that this is the last known state."""
    unknown: bool
    """Whether there was no data before the store became unavailable."""
    answers: dict[str, tuple[bytes, CIMultiDict[str]]] = field(default_factory=dict)
    """Body and headers of responses, by request."""

    @cached_property
    def shape(self) -> dict[str, Any]:
        """The data for its JSON responses."""
        return page_shape(self.page, self.past[:LAST])

    @cached_property
    def names(self) -> dict[str, str]:
        """Names of the components, by id."""
        return {one.id: one.name for one in self.page.components}

    @property
    def all(self) -> list[PublicIncident]:
        """Every stored incident, open ones first."""
        return [*self.page.incidents, *self.past]

    def listed(self) -> list[PublicIncident]:
        """Return the last 50 incidents, open ones first."""
        return self.all[:LAST]


class SnapshotBuilder:
    """Builds snapshots, and keeps the parts that do not change between them."""

    def __init__(self) -> None:
        """Create it without a snapshot."""
        self._read: Config | None = None
        self._view: PublicView | None = None
        self._snapshot: StatusPageSnapshot | None = None
        self._histories: tuple[tuple[object, ...], dict[str, ComponentHistory]] | None = None

    def now(
        self, config: Config, setting: ActiveConfig, public: PublicIncidents, now: datetime, *, away: bool, known: bool
    ) -> StatusPageSnapshot:
        """Return the snapshot of `now`. `known`: whether the open incidents were read."""
        made_of = (config, setting, public.turns, away, known, int(now.timestamp()))
        if self._snapshot is None or not _same(self._snapshot.made_of, made_of):
            if self._view is None or self._read is not config:
                self._read, self._view = config, PublicView(config)
            page = self._view.page(public.open(), now, setting.maintenance, setting.announcements)
            over = public.over()
            past = self._view.past(over, most=len(over))
            since = public.since or min((one.opened_at for one in past), default=now)
            histories = self._history(page, past, since, now, public.turns)
            self._snapshot = StatusPageSnapshot(made_of, page, past, histories, since, away, away and not known)
        return self._snapshot

    def _history(
        self, page: PublicPage, past: tuple[PublicIncident, ...], since: datetime, now: datetime, turns: int
    ) -> dict[str, ComponentHistory]:
        # A difference of a minute is not visible.
        made_of = (self._read, turns, since, int(now.timestamp()) // 60)
        if self._histories is None or self._histories[0][0] is not made_of[0] or self._histories[0][1:] != made_of[1:]:
            recent = [one for one in past if one.resolved_at is None or one.resolved_at > now - timedelta(days=91)]
            known = [*page.incidents, *recent]
            made = {one.id: component_history(one.id, known, since, now) for one in page.components}
            self._histories = (made_of, made)
        return self._histories[1]


def _same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    # Configuration and setting are large and are replaced as a whole, so they are compared by identity.
    return one[0] is other[0] and one[1] is other[1] and one[2:] == other[2:]
