"""Prometheus: the value of a query now (HTTP API, `/api/v1/query`)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from receiver.sources.http_client import SourceClient, SourceError


@dataclass(frozen=True)
class Sample:
    """What a query gave."""

    value: float
    series: int
    """How many series there were: the value is the greatest of them."""


class Prometheus:
    """One Prometheus."""

    def __init__(self, asking: SourceClient, url: str) -> None:
        """`url` is where it answers, without `/api`."""
        self.asking = asking
        self.url = url.rstrip("/")

    async def query(self, promql: str, now: datetime) -> Sample:
        """Return the value of `promql` at `now`; of several series the greatest.

        Raises SourceError: `empty` when there is no series (or only NaN), else as asking does.
        """
        said = await self.asking.get(
            f"{self.url}/api/v1/query", {"query": promql, "time": f"{now.timestamp():.3f}", "timeout": "2s"}
        )
        body = said.json()
        if not isinstance(body, dict) or said.status != 200 or body.get("status") != "success":
            kind = str(body.get("errorType", "")) if isinstance(body, dict) else ""
            raise SourceError("status", f"Prometheus answered {said.status} {kind[:40]}".rstrip())
        values = [value for value in _values(body.get("data")) if not math.isnan(value)]
        if not values:
            raise SourceError("empty", "the query gave no value")
        return Sample(max(values), len(values))

    async def waits(self, alertname: str) -> float | None:
        """Return the seconds that the alert rule of that name waits before it fires; of several the longest.

        None when Prometheus has no such rule. Raises SourceError.
        """
        said = await self.asking.get(f"{self.url}/api/v1/rules", {"type": "alert"})
        body = said.json()
        if not isinstance(body, dict) or said.status != 200 or body.get("status") != "success":
            raise SourceError("status", f"Prometheus answered {said.status}")
        try:
            groups = body["data"]["groups"]
            found = [float(one["duration"]) for group in groups for one in group["rules"] if one["name"] == alertname]
        except (KeyError, TypeError, ValueError):
            raise SourceError("bad_answer", "Prometheus answered in a form that is not known") from None
        return max((seconds for seconds in found if math.isfinite(seconds)), default=None)


def _values(data: Any) -> list[float]:
    try:
        if data["resultType"] in ("scalar", "string"):
            return [float(data["result"][1])]
        return [float(series["value"][1]) for series in data["result"]]
    except (KeyError, IndexError, TypeError, ValueError):
        raise SourceError("bad_answer", "Prometheus answered in a form that is not known") from None
