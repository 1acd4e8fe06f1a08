"""Records a replica's own reports while a test runs: its probes each second, its metrics, and its log."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.programs import Service

EACH = 1.0
"""Seconds between two samples."""


@dataclass
class Sample:
    """One sample of the probes; a status of None means that there was no response within the limit."""

    at: float
    """Unix time."""
    healthz: int | None = None
    readyz: int | None = None
    store_up: bool | None = None
    beat_age: float | None = None
    """Seconds since the work loop's last beat."""
    said: dict[str, Any] = field(default_factory=dict)
    """The response of `/healthz`."""
    took: float = 0.0
    """Response time of `/healthz` in seconds, or the limit."""


class ReplicaWatch:
    """Samples one replica until it is closed."""

    def __init__(self, service: Service, *, limit: float = 5.0) -> None:
        """`limit`: maximum response time of a probe, in seconds."""
        self.service = service
        self.samples: list[Sample] = []
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=limit))
        self._task: asyncio.Task[None] | None = None
        self._read_from = service.log.stat().st_size if service.log.exists() else 0

    def start(self) -> ReplicaWatch:
        """Start sampling each second."""
        self._task = asyncio.create_task(self._run())
        return self

    async def close(self) -> None:
        """Stop sampling."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._session.close()

    async def _run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(EACH)

    async def look(self) -> Sample:
        """Return a sample of the probes."""
        sample = Sample(time.time())
        began = time.monotonic()
        sample.healthz, sample.said = await self._probe("/healthz")
        sample.took = time.monotonic() - began
        sample.readyz, _ = await self._probe("/readyz")
        if sample.said:
            sample.store_up = sample.said["store"]["up"]
            sample.beat_age = sample.said["loop"]["beat_age_seconds"]
        self.samples.append(sample)
        return sample

    async def _probe(self, path: str) -> tuple[int | None, dict[str, Any]]:
        try:
            async with self._session.get(self.service.url + path) as answer:
                return answer.status, await answer.json(content_type=None)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None, {}

    async def metrics(self) -> dict[tuple[str, str], float]:
        """Return the value of each series by its name and its first label's value (empty without labels)."""
        async with self._session.get(f"{self.service.url}/metrics") as answer:
            text = await answer.text()
        return {
            (sample.name, next(iter(sample.labels.values()), "")): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def log(self) -> list[Mapping[str, Any]]:
        """Return the replica's log records since this object was created."""
        with self.service.log.open("rb") as file:
            file.seek(self._read_from)
            lines = file.read().splitlines()
        records: list[Mapping[str, Any]] = []
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                record = {"event": line.decode("utf-8", "replace"), "level": "raw"}
            records.append(record if isinstance(record, dict) else {"event": str(record), "level": "raw"})
        return records


def ended_tasks(metrics: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Return how often each supervised task ended unexpectedly, by name.

    Before `receiver_worker_restarts_total` existed, a failed loop was counted as a failed step under its own name.
    """
    names = {"loop", "audit", "unknowns", "history", "figures", "runbooks", "store"}
    found = {
        label: value for (name, label), value in metrics.items() if name == "receiver_worker_restarts_total" and value
    }
    if any(name == "receiver_worker_restarts_total" for name, _ in metrics):
        return found
    return {
        label: value
        for (name, label), value in metrics.items()
        if name == "receiver_loop_errors_total" and label in names and value
    }
