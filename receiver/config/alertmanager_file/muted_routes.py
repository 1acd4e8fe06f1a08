"""Finds notifications that Alertmanager's routes mute at certain hours: mute_time_intervals, active_time_intervals.

Alertmanager before 0.28 reports this only in its configuration, which `/api/v2/status` returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from receiver.config.alertmanager_file.routes import Route, Routing, read
from receiver.config.alertmanager_file.time_intervals import TimeInterval, UnreadableInterval, read_interval

DEFINED = ("time_intervals", "mute_time_intervals")
"""The sections of a file that define them; the second is the older name."""
EACH = "..."
"""In `group_by`: every label."""


@dataclass(frozen=True)
class MutedRoutes:
    """The routes of one Alertmanager, and the intervals that they name."""

    routing: Routing
    intervals: Mapping[str, Sequence[TimeInterval]]
    unread: tuple[str, ...] = ()
    """The errors in intervals that cannot be read; routes that name them count as muted."""

    def holds_back(self, receiver: str, group: Mapping[str, str], labels: Mapping[str, str], moment: datetime) -> bool:
        """Return whether every route that sends an alert to `receiver`, in the group `group`, is muted at `moment`."""
        routes = [route for route in self.routing.reached(labels) if route.receiver == receiver]
        # Two routes may send it to one receiver: use those whose grouping fits this group.
        own = [route for route in routes if _grouped(route, labels) == dict(group)]
        return bool(routes) and all(self._mute(route, moment) for route in own or routes)

    def _mute(self, route: Route, moment: datetime) -> bool:
        muting, active = self._named(route, "mute_time_intervals"), self._named(route, "active_time_intervals")
        if any(name not in self.intervals for name in (*muting, *active)):
            return True
        if any(self._within(name, moment) for name in muting):
            return True
        return bool(active) and not any(self._within(name, moment) for name in active)

    def _named(self, route: Route, key: str) -> list[str]:
        # A route does not inherit them: those of its parent apply only to the parent.
        found = self.routing.value((*route.path, key))
        return [str(name) for name in found] if isinstance(found, list) else []

    def _within(self, name: str, moment: datetime) -> bool:
        return any(interval.contains(moment) for interval in self.intervals[name])


def _grouped(route: Route, labels: Mapping[str, str]) -> dict[str, str]:
    if EACH in route.group_by:
        return dict(labels)
    return {name: labels[name] for name in route.group_by if name in labels}


def muted_routes(text: str) -> MutedRoutes | None:
    """Return the muted routes of `text`, an alertmanager.yml; None if no route is ever muted.

    Raises ConfigError if it is not such a file.
    """
    if not any(key in text for key in ("mute_time_intervals", "active_time_intervals")):
        return None
    routing = read(text, "alertmanager.yml")
    intervals: dict[str, Sequence[TimeInterval]] = {}
    unread: list[str] = []
    for key in DEFINED:
        for entry in _list(routing.value((key,))):
            name = str(entry.get("name")) if isinstance(entry, dict) else ""
            try:
                intervals[name] = [read_interval(one) for one in _list(entry.get("time_intervals"))]
            except (UnreadableInterval, AttributeError) as error:
                unread.append(f"{name[:40]}: {error}")
    return MutedRoutes(routing, intervals, tuple(unread))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
