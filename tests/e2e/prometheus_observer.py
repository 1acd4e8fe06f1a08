"""Observes a service with a real Prometheus and the shipped rules, and records panels and alerts."""

from __future__ import annotations

import asyncio
import json
import math
import re
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.e2e.programs import Prometheus
from tests.stories.world import ROOT

DEPLOY = ROOT / "deploy"
CHOSEN = {
    "namespace": ".*",
    "job": ".*",
    "severity": ".*",
    "team": ".*",
    "channel": ".*",
    "__rate_interval": "20s",
    "__range": "3m",
}
"""The values of the dashboard's variables; windows are short, like the test."""


def panels() -> dict[str, str]:
    """Return each query of the dashboard as Grafana sends it, by panel, query and title."""
    board = _board()
    found = {
        f"{panel['id']:02}{target['refId']} {panel['title']}": target["expr"]
        for panel in board["panels"]
        for target in panel.get("targets", [])
    }
    found |= {f"annotation {one['name']}": one["expr"] for one in board["annotations"]["list"] if "expr" in one}
    return {name: _chosen(query) for name, query in found.items()}


def choices() -> dict[str, str]:
    """Return the query of each variable whose values come from Prometheus: it has one series per value."""
    found = {}
    for one in _board()["templating"]["list"]:
        match = re.fullmatch(r"label_values\((.+), (\w+)\)", one["query"])
        if match:
            found[one["name"]] = _chosen(f"count by ({match[2]}) ({match[1]})")
    return found


def _board() -> Any:
    return json.loads((DEPLOY / "grafana" / "receiver.json").read_text("utf-8"))


def _chosen(query: str) -> str:
    return re.sub(r"\$(\w+)", lambda match: CHOSEN[match[1]], query)


def alerts() -> list[dict[str, Any]]:
    """Return the shipped alert rules."""
    return _rules("alerts.yaml")


def recordings() -> list[str]:
    """Return the names of the shipped recording rules."""
    return [rule["record"] for rule in _rules("recording.yaml")]


def _rules(file: str) -> list[dict[str, Any]]:
    content = yaml.safe_load((DEPLOY / "prometheus" / file).read_text("utf-8"))
    return [rule for group in content["groups"] for rule in group["rules"]]


class Observer:
    """Prometheus, the rules without their `for`, and a sample of everything each second."""

    def __init__(self, folder: Path) -> None:
        self.prometheus = Prometheus(folder)
        self.before: dict[str, Any] = {}
        self.changed: set[str] = set()
        self.empty: set[str] = set()
        """Queries whose result was empty at the beginning."""
        self._task: asyncio.Task[None] | None = None

    async def start(self, targets: dict[str, str]) -> None:
        """Scrape `targets` (job -> host:port) each second, with both rule files, and wait for the first sample."""
        names = []
        for file in ("recording.yaml", "alerts.yaml"):
            content = yaml.safe_load((DEPLOY / "prometheus" / file).read_text("utf-8"))
            for group in content["groups"]:
                group.pop("interval", None)
                for rule in group["rules"]:
                    rule.pop("for", None)  # the thresholds are unchanged
            (self.prometheus.folder / file).write_text(yaml.safe_dump(content), "utf-8")
            names.append(file)
        jobs = [
            {"job_name": job, "static_configs": [{"targets": [target], "labels": {"namespace": "incidents"}}]}
            for job, target in targets.items()
        ]
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": names,
            "scrape_configs": jobs,
        }  # fmt: skip
        (self.prometheus.folder / "config.yaml").write_text(yaml.safe_dump(config), "utf-8")
        await self.prometheus.start(
            "--config.file=config.yaml", f"--web.listen-address={self.prometheus.url.removeprefix('http://')}",
            "--storage.tsdb.path=data",
        )  # fmt: skip

    async def begin(self) -> None:
        """Record the current value of every panel, and sample each second from now on."""
        self.before = {name: await self.ask(query) for name, query in panels().items()}
        self.empty = {name for name, value in self.before.items() if not value}
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(1)

    async def look(self) -> None:
        """Find the panels whose values differ from the beginning."""
        for name, query in panels().items():
            if name not in self.changed:
                value = await self.ask(query)
                if any(number is not None for number in value.values()) and value != self.before[name]:
                    self.changed.add(name)

    async def ask(self, query: str) -> dict[str, float | None]:
        """Return the value of each series by its labels; None if it is not a number."""
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"{self.prometheus.url}/api/v1/query", data={"query": query}) as answer,
        ):
            said = await answer.json()
        assert said["status"] == "success", (query, said)
        found = {}
        for one in said["data"]["result"]:
            number = float(one["value"][1])
            found[json.dumps(one["metric"], sort_keys=True)] = None if math.isnan(number) else number
        return found

    async def fired(self) -> set[str]:
        """Return the names of alerts that have fired since the beginning."""
        series = await self.ask('max by (alertname) (max_over_time(ALERTS{alertstate="firing"}[10m]))')
        return {json.loads(labels)["alertname"] for labels in series}

    async def stop(self) -> None:
        """Stop sampling, and stop Prometheus."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.prometheus.stop()
