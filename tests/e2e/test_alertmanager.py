"""End to end with real programs: Prometheus fires, Alertmanager groups, the service pages, and everything resolves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from receiver.app import Service
from receiver.config import load
from receiver.replica import Replica
from receiver.review.expression.graph import newest_graph
from tests.e2e.programs import Alertmanager, Prometheus
from tests.e2e.test_process import of_incidents
from tests.fakes import FakePagerDuty, FakeSlack, Site
from tests.fakes.slack import TOKEN
from tests.faults.programs import free_port
from tests.faults.waiting import until
from tests.stories.world import ROOT

pytestmark = pytest.mark.e2e
SECRET = "token-of-the-end-to-end-tests"
RULE = """
groups:
  - name: api
    rules:
      - alert: HighErrorRate
        expr: api_error_ratio > 0.05
        labels: {service: api}
        annotations: {error_rate: '{{ $value | humanizePercentage }}', summary: Errors}
"""


class Bench:
    """The service with fake vendors, and its address for Alertmanager."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder, self.store = folder, store
        self.pager, self.chat = FakePagerDuty(), FakeSlack()
        self.site = Site(self.pager, self.chat)
        self.port = free_port()
        self.programs: list[Alertmanager | Prometheus] = []
        self.service: Service | None = None

    @property
    def hook(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/alertmanager"

    async def start(self) -> None:
        env = {
            "ALERTMANAGER_TOKEN": SECRET,
            "RESPONDER_TOKEN": "r" * 20,
            "ADMIN_TOKEN": "a" * 20,
            "PAGERDUTY_URL": self.site.url,
            "SLACK_URL": f"{self.site.url}/api",
            "SLACK_BOT_TOKEN": TOKEN,
            "SLACK_SIGNING_SECRET": "s" * 32,
        }
        overrides = {"server.listen": f"127.0.0.1:{self.port}", "incidents.monitor_for": "2s"}
        config = load(ROOT / "config" / "receiver.yaml", env, overrides=overrides)
        self.service = Service(Replica(config, url=self.store))
        await self.service.start()

    async def stop(self) -> None:
        if self.service is not None:
            await self.service.stop()
        self.service = None

    async def alertmanager(self, **more: Any) -> Alertmanager:
        made = Alertmanager(self.folder)
        self.programs.append(made)
        await made.open([self.hook], more.pop("token", SECRET), **more)
        return made

    async def close(self) -> None:
        for program in self.programs:
            program.stop()
        await self.stop()
        await self.site.stop()
        assert self.site.mistakes() == []

    async def incidents(self) -> list[Any]:
        assert self.service is not None
        return await self.service.replica.incidents.listing()

    async def rung(self, people: int) -> None:
        async def holds() -> bool:
            return self.pager.rung >= people

        await until(holds, f"{people} pages")

    async def resolved(self) -> None:
        async def holds() -> bool:
            return self.pager.rung > 0 and not self.pager.open()

        await until(holds, "the pages are resolved")


@pytest.fixture
async def bench(tmp_path: Path, store_url: str) -> AsyncIterator[Bench]:
    made = Bench(tmp_path, store_url)
    await made.site.start()
    await made.start()
    try:
        yield made
    finally:
        await made.close()


def fires(name: str = "ApiDown", *, ends: bool = False, **labels: str) -> list[dict[str, Any]]:
    """Return an alert as clients post it to Alertmanager; `ends`: it ended a moment ago."""
    now = datetime.now(UTC)
    alert: dict[str, Any] = {"labels": {"alertname": name, "service": "api", **labels}, "annotations": {"summary": "x"}}
    if ends:
        alert["endsAt"] = (now - timedelta(seconds=1)).isoformat()
    return [alert]


@pytest.mark.timeout(300)
async def test_a_prometheus_rule_pages_and_its_recovery_resolves(bench: Bench, aiohttp_server: AiohttpServer) -> None:
    ratio = {"now": 0.2}

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=f"api_error_ratio {ratio['now']}\n")

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    target = f"127.0.0.1:{(await aiohttp_server(app)).port}"
    alertmanager = await bench.alertmanager()
    prometheus = Prometheus(bench.folder)
    bench.programs.append(prometheus)
    assert bench.service is not None
    replica, config = bench.service.replica, bench.service.replica.config
    asked = config.verification.model_copy(update={"prometheus_url": f"http://127.0.0.1:{prometheus.port}"})
    replica.apply(config.model_copy(update={"verification": asked}))
    await prometheus.open(target, f"127.0.0.1:{alertmanager.port}", RULE)
    await bench.rung(1)
    incident = (await bench.incidents())[0]
    assert (incident.severity, incident.decision.rule) == ("SEV-2", "high-error-rate")
    assert incident.decision.reasons == ("error_rate 20% > 5%",)

    async def read() -> bool:
        return newest_graph(await replica.incidents.events(incident.uid)) is not None

    await until(read, "the graph of the expression is in the log")
    graph = newest_graph(await replica.incidents.events(incident.uid))
    assert graph is not None and (graph.query, graph.limit) == ("api_error_ratio", "> 0.05")
    assert max(graph.series[0].known) == 0.2
    ratio["now"] = 0.0
    await bench.resolved()
    assert bench.pager.rung == 1
    assert len(of_incidents(bench.chat)) == 1

    async def drawn() -> bool:
        return any(file["shared"] for file in bench.chat.files.values())

    await until(drawn, "the expression's picture is in the thread", 150)
    (first, *_) = bench.chat.files.values()
    assert first["bytes"].startswith(b"\x89PNG"), "drawn by the library, in a process of its own"


async def test_two_peers_make_one_incident_and_one_page_each(bench: Bench) -> None:
    peers = [await bench.alertmanager(), await bench.alertmanager()]
    for peer in peers:
        await peer.post("alerts", fires())
    await bench.rung(2)
    for peer in peers:
        await peer.post("alerts", fires(ends=True))
    await bench.resolved()
    assert bench.pager.rung == 2  # on-call and lead
    assert [incident.id for incident in await bench.incidents()] == [f"INC-{datetime.now(UTC).year}-0001"]


async def test_alertmanager_comes_again_once_the_service_is_back(bench: Bench) -> None:
    alertmanager = await bench.alertmanager()
    await bench.stop()
    await alertmanager.post("alerts", fires())

    async def tried() -> bool:
        log = (alertmanager.folder / "log").read_text()
        return "webhook" in log and "refused" in log

    await until(tried, "a refused attempt")
    await bench.start()
    await bench.rung(2)


async def test_what_was_cut_off_resolves_nothing(bench: Bench) -> None:
    alertmanager = await bench.alertmanager(max_alerts=1)
    await alertmanager.post("alerts", [*fires(instance="a"), *fires(instance="b")])
    await bench.rung(2)
    await alertmanager.post("alerts", fires(instance="a", ends=True))

    async def heard() -> bool:
        return (await bench.incidents())[0].version > 1

    await until(heard, "the truncated notification")
    incident = (await bench.incidents())[0]
    assert incident.state == "open"
    assert len(bench.pager.open()) == 2


async def test_a_wrong_token_does_nothing(bench: Bench) -> None:
    alertmanager = await bench.alertmanager(token="wrong")
    await alertmanager.post("alerts", fires())

    async def refused() -> bool:
        return "unexpected status code 401" in (alertmanager.folder / "log").read_text()

    await until(refused, "a refusal in Alertmanager's log")
    assert await bench.incidents() == []
    assert bench.pager.received == []
