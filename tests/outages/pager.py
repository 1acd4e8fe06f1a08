"""The pager's actions for each alert, read from its ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Who = tuple[str, str]
"""The name of an alert, and the routing key of a person."""
STORM = "/storm/"
"""Part of the key of a storm's page, which has the name of one of its groups."""


@dataclass
class Pager:
    """Keys, times and states in PagerDuty."""

    keys: dict[Who, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Deduplication keys that were triggered, without those of storms."""
    first: dict[str, float] = field(default_factory=dict)
    """Unix time of the first trigger of each alert name."""
    notified: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Notifications of a person for each key: a trigger for an open key notifies no one."""
    triggers: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Accepted triggers of each key."""
    titles: dict[str, str] = field(default_factory=dict)
    """The text of each key's first trigger."""
    _open: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def read(cls, entries: Iterable[Mapping[str, Any]]) -> Pager:
        """Read a ledger."""
        pager = cls()
        for entry in entries:
            if entry["vendor"] == "pagerduty" and entry["taken"]:
                pager._take(entry["body"], entry["at"])
        return pager

    def _take(self, event: Mapping[str, Any], at: float) -> None:
        key = f"{event['routing_key']} {event['dedup_key']}"
        if event["event_action"] == "resolve":
            self._open[key] = False
        if event["event_action"] != "trigger":
            return
        payload = event["payload"]
        name = str(payload.get("class", ""))
        if STORM not in event["dedup_key"]:
            self.keys[name, event["routing_key"]].add(event["dedup_key"])
        self.first.setdefault(name, at)
        self.titles.setdefault(key, str(payload["summary"]))
        self.notified[key] += not self._open.get(key, False)
        self.triggers[key] += 1
        self._open[key] = True

    @property
    def open(self) -> list[str]:
        """Keys of unresolved pages."""
        return [key for key, is_open in self._open.items() if is_open]

    @property
    def notifications(self) -> int:
        """The total number of notifications."""
        return sum(self.notified.values())

    def twice(self) -> dict[Who, set[str]]:
        """Return each alert and person with more than one key."""
        return {who: keys for who, keys in self.keys.items() if len(keys) > 1}

    def repeated(self) -> list[str]:
        """Return each key that notified more than once, or was triggered more than twice."""
        return [key for key in self.triggers if self.notified[key] > 1 or self.triggers[key] > 2]
