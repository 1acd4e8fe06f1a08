"""Compares the pages that the API lists with the ledger of the fake PagerDuty."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MORE = 1
"""Allowed triggers per key after the first: a lost response causes one more."""


@dataclass
class Pages:
    """The pages of a run in the vendor's ledger."""

    triggers: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Unix times of the accepted triggers of each deduplication key and routing key."""
    keys: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The keys that were triggered for each incident id."""
    first: dict[str, float] = field(default_factory=dict)
    """Unix time of the first trigger for each alert name."""
    emergency: list[str] = field(default_factory=list)
    """Names of the alerts that were paged without an incident."""
    too_fast: int = 0
    """Requests that were answered 429."""

    @classmethod
    def read(cls, entries: Iterable[Mapping[str, Any]]) -> Pages:
        """Read a ledger."""
        pages = cls()
        for entry in entries:
            if entry["vendor"] != "pagerduty":
                continue
            pages.too_fast += entry["answer"] == 429
            if not entry["taken"] or entry["body"]["event_action"] != "trigger":
                continue
            body = entry["body"]
            name = str(body["payload"].get("class", ""))
            incident = str(body["payload"]["custom_details"].get("incident_id", ""))
            key = f"{body['routing_key']} {body['dedup_key']}"
            pages.triggers[key].append(entry["at"])
            pages.keys[incident].add(key)
            pages.first[name] = min(entry["at"], pages.first.get(name, entry["at"]))
            if not incident.startswith("INC-"):
                pages.emergency.append(name)
        return pages

    def missing(self, incidents: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return each incident that has fewer pages at the vendor than in the API.

        The API lists only pages that were decided, without those that storm control held back. An emergency page was
        sent before its incident existed, so the vendor does not have the incident's id for it.
        """
        return [
            f"{one['id']} ({one['severity']}, {one['title'][:40]}): {len(self.keys[one['id']])} of {owed} pages"
            for one in incidents
            if (owed := _owed(one)) > len(self.keys[one["id"]])
        ]

    def repeated(self) -> list[str]:
        """Return each key with more triggers than one lost response explains."""
        return [
            f"{key.partition(' ')[2]}: {len(times)} triggers"
            for key, times in self.triggers.items()
            if len(times) > 1 + MORE
        ]


def _owed(incident: Mapping[str, Any]) -> int:
    return sum(page["channel"] == "pager" and page["step"] != "emergency" for page in incident["pages"])


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value at that percentile; 0 without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
