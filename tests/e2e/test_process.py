"""The service as a process of its own, begun by its command, behind the real Alertmanager and Prometheus."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from tests.e2e.programs import Alertmanager, Prometheus
from tests.fakes import FakePagerDuty, FakeSlack, Site
from tests.fakes.slack import TOKEN
from tests.faults.programs import Program, Valkey, free_port
from tests.faults.waiting import until
from tests.stories.world import ROOT

pytestmark = pytest.mark.e2e
INGEST, READ = "token-of-the-end-to-end-tests", "reading-token-of-the-tests"
COMMAND = "from receiver.cli import main; main()"
RULE = """
groups:
  - name: api
    rules:
      - alert: HighErrorRate
        expr: api_error_ratio > 0.05
        for: 0s
        labels: {service: api}
        annotations: {error_rate: '{{ $value | humanizePercentage }}', summary: Errors}
"""


class Metrics:
    """What Prometheus scrapes: one gauge that the test moves."""

    def __init__(self) -> None:
        self.ratio = 0.0
        self.target = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        async def shown(_: web.Request) -> web.Response:
            return web.Response(text=f"api_error_ratio {self.ratio}\n")

        app = web.Application()
        app.router.add_get("/metrics", shown)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.target = f"127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()


class House:
    """One service process, its vendors, and the programs before it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pager, self.chat, self.metrics = FakePagerDuty(), FakeSlack(), Metrics()
        self.site = Site(self.pager, self.chat)
        self.url = f"http://127.0.0.1:{free_port()}"
        config = folder / "receiver.yaml"
        arguments = ["serve", "--config", str(config), "--listen", self.url.removeprefix("http://")]
        self.service = Program([sys.executable, "-c", COMMAND, *arguments], folder / "service.log")
        self.programs: list[Alertmanager | Prometheus] = []

    async def open(self, redis: str = "embedded") -> House:
        """Write the configuration and start vendors, metrics and service."""
        await self.site.start()
        await self.metrics.start()
        shutil.copy(ROOT / "config" / "severity-rules.yaml", self.folder)
        content = yaml.safe_load((ROOT / "config" / "receiver.yaml").read_text("utf-8"))
        content["redis"] |= {"url": redis, "data_dir": str(self.folder / "data")}
        content["incidents"]["monitor_for"] = "2s"
        content["contacts"]["on-call"] = {"person": "alice"}  # the same one whatever week it is
        (self.folder / "receiver.yaml").write_text(yaml.safe_dump(content), "utf-8")
        await self.start()
        return self

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages about incidents, without the review of a month, which is posted in the next one."""
        return [one for one in self.chat.parents if not str(one["text"]).startswith("Incident review of ")]

    async def start(self) -> None:
        """Return once the service takes requests."""
        self.service.spawn(
            {
                "ALERTMANAGER_TOKEN": INGEST, "RESPONDER_TOKEN": READ, "ADMIN_TOKEN": "administrator-token",
                "PAGERDUTY_URL": self.site.url, "SLACK_URL": f"{self.site.url}/api", "SLACK_BOT_TOKEN": TOKEN,
                "SLACK_SIGNING_SECRET": "s" * 32,
            }
        )  # fmt: skip

        async def ready() -> bool:
            assert self.service.alive, "the service exited during startup"
            try:
                return (await self.get("/readyz"))[0] == 200
            except (aiohttp.ClientError, OSError):
                return False

        await until(ready, "a service that is ready")

    async def get(self, path: str) -> tuple[int, Any]:
        """Return status and JSON of a path of the service."""
        headers = {"Authorization": f"Bearer {READ}"}
        async with aiohttp.ClientSession(headers=headers) as client, client.get(f"{self.url}{path}") as answer:
            return answer.status, await answer.json(content_type=None)

    async def incidents(self) -> list[dict[str, Any]]:
        status, body = await self.get("/api/v1/incidents")
        assert status == 200, body
        items: list[dict[str, Any]] = body["items"]
        return items

    async def alertmanager(self, **more: Any) -> Alertmanager:
        made = Alertmanager(self.folder)
        self.programs.append(made)
        await made.open([f"{self.url}/webhooks/alertmanager"], INGEST, **more)
        return made

    async def paged(self, people: int) -> None:
        await until(lambda: self.pager.rung >= people, f"{people} pages")

    async def calm(self) -> None:
        await until(lambda: self.pager.rung > 0 and not self.pager.open(), "every page is resolved")

    async def close(self) -> None:
        for program in self.programs:
            program.stop()
        self.service.end()
        await self.metrics.stop()
        await self.site.stop()

    def logs(self) -> str:
        """Return the end of every program's log."""
        found = [self.service.log, *(program.folder / "log" for program in self.programs)]
        return "\n".join(f"--- {path}\n{path.read_text(errors='replace')[-3000:]}" for path in found if path.exists())


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house that is not open yet; what its programs said is printed, and shown when the test fails."""
    made = House(tmp_path)
    try:
        yield made
        assert made.site.mistakes() == []
    finally:
        await made.close()
        sys.stdout.write(made.logs())


def fires(name: str, *, ends: bool = False, **labels: str) -> list[dict[str, Any]]:
    """Return an alert as a client posts it; `ends`: it ended a moment ago."""
    alert: dict[str, Any] = {"labels": {"alertname": name, "service": "api", **labels}, "annotations": {"summary": "x"}}
    if ends:
        alert["endsAt"] = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    return [alert]


async def test_from_the_metric_to_the_page_and_back(house: House) -> None:
    await house.open()
    alertmanager = await house.alertmanager()
    prometheus = Prometheus(house.folder)
    house.programs.append(prometheus)
    await prometheus.open(house.metrics.target, f"127.0.0.1:{alertmanager.port}", RULE)
    house.metrics.ratio = 0.073
    await house.paged(1)
    (incident,) = await house.incidents()
    assert (incident["id"], incident["severity"], incident["state"]) == (
        f"INC-{datetime.now(UTC).year}-0001", "SEV-2", "open",
    )  # fmt: skip
    (triggered,) = house.pager.taken
    assert "error" in str(triggered["body"]["payload"]["summary"]).lower()
    house.metrics.ratio = 0.0
    await house.calm()

    async def over() -> bool:
        return [one["state"] for one in await house.incidents()] == ["resolved"]

    await until(over, "a resolved incident")
    assert house.pager.rung == 1
    assert len(house.messages) == 1
    house.service.signal(signal.SIGTERM)
    assert await house.service.ended() == 0


async def test_killed_and_started_again_it_knows_what_is_open(house: House) -> None:
    await house.open()
    alertmanager = await house.alertmanager()
    await alertmanager.post("alerts", fires("ApiDown"))
    await house.paged(2)
    await house.service.kill()
    await alertmanager.post("alerts", fires("ApiDown", ends=True))
    await house.start()
    await house.calm()
    assert house.pager.rung == 2
    assert len(await house.incidents()) == 1


async def test_with_the_store_stopped_alertmanager_delivers_once_it_is_back(house: House) -> None:
    store = Valkey(house.folder / "valkey")
    await store.start()
    try:
        await house.open(store.url)
        alertmanager = await house.alertmanager()
        await store.kill()
        # Not severe enough to be paged without the store: only Alertmanager can bring it again.
        await alertmanager.post("alerts", fires("DataLag"))
        log = alertmanager.folder / "log"
        await until(lambda: "unexpected status code 503" in log.read_text(), "a refusal in Alertmanager's log")
        await store.start()

        async def there() -> bool:
            try:
                return [one["severity"] for one in await house.incidents()] == ["SEV-3"]
            except AssertionError:
                return False  # it has not noticed yet that its store is back

        await until(there, "the incident")
        await until(lambda: len(house.messages) == 1, "its message")
        assert house.pager.received == []
    finally:
        store.end()


async def test_a_silenced_alert_is_not_a_resolved_one(house: House) -> None:
    await house.open()
    alertmanager = await house.alertmanager()
    await alertmanager.post("alerts", [*fires("ApiDown", instance="a"), *fires("ApiDown", instance="b")])
    await house.paged(2)
    now = datetime.now(UTC)
    await alertmanager.post(
        "silences",
        {
            "matchers": [{"name": "instance", "value": "a", "isRegex": False, "isEqual": True}],
            "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "a test", "comment": "quiet, please",
        },
    )  # fmt: skip
    await alertmanager.post("alerts", fires("ApiDown", instance="b", ends=True))
    (known,) = await house.incidents()

    async def heard() -> bool:
        _, shown = await house.get(f"/api/v1/incidents/{known['id']}")
        return {one["labels"]["instance"]: one["status"] for one in shown["alerts"]["items"]}["b"] == "resolved"

    await until(heard, "the end of b, in a notification that says resolved and does not name a")
    _, timeline = await house.get(f"/api/v1/incidents/{known['id']}/timeline")
    kinds = [event["kind"] for event in timeline["items"]]
    assert "monitoring" not in kinds
    (incident,) = await house.incidents()
    assert (incident["state"], incident["alerts"]["firing"], incident["alerts"]["resolved"]) == ("open", 1, 1)
    assert len(house.pager.open()) == 2


async def test_a_hangup_reloads_and_a_bad_file_changes_nothing(house: House) -> None:
    await house.open()
    config = house.folder / "receiver.yaml"
    content = yaml.safe_load(config.read_text("utf-8"))

    async def loaded() -> dict[str, float]:
        async with aiohttp.ClientSession() as client, client.get(f"{house.url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("receiver_config_last")}

    before = await loaded()
    config.write_text("channels: [", "utf-8")
    house.service.signal(signal.SIGHUP)

    async def is_bad() -> bool:
        return (await loaded())["receiver_config_last_reload_successful"] == 0

    await until(is_bad, "a reload that failed")
    content["auth"]["tokens"].append({"name": "late", "token": "a-token-that-came-later", "scopes": ["read"]})
    config.write_text(yaml.safe_dump(content), "utf-8")
    house.service.signal(signal.SIGHUP)

    async def is_good() -> bool:
        return (await loaded())["receiver_config_last_reload_successful"] == 1

    await until(is_good, "a reload that is good")
    after = await loaded()
    name = "receiver_config_last_reload_timestamp_seconds"
    assert after[name] > before[name]
    headers = {"Authorization": "Bearer a-token-that-came-later"}
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{house.url}/api/v1/incidents", headers=headers) as answer,
    ):
        assert answer.status == 200
