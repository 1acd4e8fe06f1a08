"""Prometheus: the current value of a query, its values over time, and alert rules (HTTP API, `/api/v1/`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from receiver.sources.http_client import SourceClient, SourceError


@dataclass(frozen=True)
class Sample:
    """The result of a query."""

    value: float
    series: int
    """The number of series; the value is the greatest of them."""


@dataclass(frozen=True)
class AlertingRule:
    """An alert rule in Prometheus."""

    query: str
    labels: Mapping[str, str]
    """The labels that the rule itself adds to its alerts."""


@dataclass(frozen=True)
class Series:
    """One series of a query over some time."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
    """Seconds since the epoch, and the value; finite numbers only."""


RANGE_BYTES = 1024 * 1024
"""Maximum size of a response with series or rules: some 500 series of an hour, or 1,000 rules."""
RANGE_SECONDS = 5.0
"""Its timeout in seconds; nothing waits for it."""


class Prometheus:
    """One Prometheus."""

    def __init__(self, source_client: SourceClient, url: str) -> None:
        """`url`: its address without `/api`."""
        self.source_client = source_client
        self.url = url.rstrip("/")

    async def query(self, promql: str, now: datetime) -> Sample:
        """Return the value of `promql` at `now`; of several series, the greatest.

        Raises SourceError: `empty` if there is no series (or only NaN), otherwise as for any query.
        """
        said = await self.source_client.get(
            f"{self.url}/api/v1/query", {"query": promql, "time": f"{now.timestamp():.3f}", "timeout": "2s"}
        )
        body = said.json()
        if not isinstance(body, dict) or said.status != 200 or body.get("status") != "success":
            kind = str(body.get("errorType", "")) if isinstance(body, dict) else ""
            raise SourceError("status", f"Prometheus returned {said.status} {kind[:40]}".rstrip())
        values = [value for value in _values(body.get("data")) if not math.isnan(value)]
        if not values:
            raise SourceError("empty", "the query returned no value")
        return Sample(max(values), len(values))

    async def waits(self, alertname: str) -> float | None:
        """Return the `for` of the alert rule of that name in seconds; of several, the longest.

        None if Prometheus has no such rule. Raises SourceError.
        """
        said = await self.source_client.get(f"{self.url}/api/v1/rules", {"type": "alert"})
        body = said.json()
        if not isinstance(body, dict) or said.status != 200 or body.get("status") != "success":
            raise SourceError("status", f"Prometheus returned {said.status}")
        try:
            groups = body["data"]["groups"]
            found = [float(one["duration"]) for group in groups for one in group["rules"] if one["name"] == alertname]
        except (KeyError, TypeError, ValueError):
            raise SourceError("bad_answer", "Prometheus's response has an unknown format") from None
        return max((seconds for seconds in found if math.isfinite(seconds)), default=None)

    async def rules_of(self, alertname: str) -> list[AlertingRule]:
        """Return the alert rules of that name. Raises SourceError.

        `rule_name[]` and `exclude_alerts` keep the response small if the server supports them (Prometheus 2.50).
        """
        params = {"type": "alert", "rule_name[]": alertname, "exclude_alerts": "true"}
        data = await self._data("rules", params)
        try:
            found = [rule for group in data["groups"] for rule in group["rules"] if rule["name"] == alertname]
            return [AlertingRule(str(rule["query"]), _texts(rule.get("labels"))) for rule in found]
        except (KeyError, TypeError):
            raise SourceError("bad_answer", "Prometheus's response has an unknown format") from None

    async def query_range(self, promql: str, begins: datetime, ends: datetime, step: float) -> list[Series]:
        """Return each series of `promql` from `begins` to `ends`, a point every `step` seconds. Raises SourceError."""
        params = {
            "query": promql, "start": f"{begins.timestamp():.3f}", "end": f"{ends.timestamp():.3f}",
            "step": f"{step:g}", "timeout": f"{RANGE_SECONDS:g}s",
        }  # fmt: skip
        data = await self._data("query_range", params)
        try:
            return [Series(_texts(one["metric"]), _points(one["values"])) for one in data["result"]]
        except (KeyError, IndexError, TypeError, ValueError):
            raise SourceError("bad_answer", "Prometheus's response has an unknown format") from None

    async def _data(self, path: str, params: dict[str, str]) -> Any:
        said = await self.source_client.get(f"{self.url}/api/v1/{path}", params, limit=RANGE_SECONDS, most=RANGE_BYTES)
        body = said.json()
        if not isinstance(body, dict) or said.status != 200 or body.get("status") != "success":
            raise SourceError("status", f"Prometheus returned {said.status}")
        return body.get("data")


def _texts(labels: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in labels.items()} if isinstance(labels, dict) else {}


def _points(values: Any) -> tuple[tuple[float, float], ...]:
    pairs = ((float(at), float(value)) for at, value in values)
    return tuple((at, value) for at, value in pairs if math.isfinite(at) and math.isfinite(value))


def _values(data: Any) -> list[float]:
    try:
        if data["resultType"] in ("scalar", "string"):
            return [float(data["result"][1])]
        return [float(series["value"][1]) for series in data["result"]]
    except (KeyError, IndexError, TypeError, ValueError):
        raise SourceError("bad_answer", "Prometheus's response has an unknown format") from None
