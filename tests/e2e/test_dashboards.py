"""Dashboard and alert rules on a real Prometheus: every panel moves, and each alert fires, by real faults in one story.

`for:` is left out of the rules here, and thresholds stay; promtool's unit tests cover the durations
(tests/test_shipped_dashboards.py).
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml

from tests.e2e.prometheus_observer import Observer, alerts, choices, panels, recordings
from tests.e2e.test_process import INGEST, READ, House, fires
from tests.fakes import Answer, FakeHook
from tests.faults.programs import Valkey, free_port
from tests.faults.waiting import PATIENCE, until
from tests.stories.world import alert, notification

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]
STORM = 50
"""Number of incidents that open at once while the pager hangs."""
TIMES = {"redis": {"lease": "2s", "send_deadline": "1500ms"}}


class Stage(House):
    """The service, its store, its vendors, Alertmanager with a wrong token, and Prometheus that scrapes them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.hook = FakeHook()
        self.site.vendors = (*self.site.vendors, self.hook)
        self.store = Valkey(folder / "valkey")
        self.observer = Observer(folder)
        self.began = time.monotonic()

    async def raise_curtain(self) -> None:
        await self.store.start()
        await self.open(self.store.url)
        stranger = await self.alertmanager()
        config = stranger.folder / "config.yaml"
        config.write_text(config.read_text("utf-8").replace(INGEST, "a-token-of-long-ago"), "utf-8")
        async with aiohttp.ClientSession() as client:
            await client.post(f"{stranger.url}/-/reload")
        self.upstream = stranger
        await self.observer.start(
            {"receiver": self.url.removeprefix("http://"), "alertmanager": stranger.url.removeprefix("http://")}
        )

        async def scraped() -> bool:
            # Rates need two scrapes, and rules an evaluation of both.
            return len(await self.observer.ask("sum_over_time(up[10s]) >= 3")) == 2

        await until(scraped, "the first scrapes")
        await self.observer.begin()

    async def start(self) -> None:
        """Return when it accepts requests; leases are short, and a heartbeat is soon missed."""
        config = self.folder / "receiver.yaml"
        content = yaml.safe_load(config.read_text("utf-8"))
        content["redis"] |= TIMES["redis"]
        content["ingest"]["alertmanagers"] = [f"http://127.0.0.1:{free_port()}"]
        content["ingest"]["reconcile"] = {"every": "1s"}
        content["ingest"]["watchdog"]["silent_after"] = "4s"
        content["ingest"]["storm"] = {"incidents": 10_000, "within": "1m"}
        content["verification"] = {"checks": []}
        for severity in ("SEV-1", "SEV-2"):
            content["severities"][severity]["respond_within"] = "2s"
        for step, after in enumerate(("2s", "3s", "4s")):
            content["escalations"]["sev-1"]["steps"][step]["after"] = after
        content["escalations"]["sev-3"]["steps"][0]["after"] = "2s"
        content["channels"]["hook"]["url"] = f"{self.site.url}/hook"
        content["channels"]["mail"]["smtp_url"] = f"smtp://127.0.0.1:{free_port()}"
        content["channels"]["chat"].pop("incident_channels", None)
        config.write_text(yaml.safe_dump(content), "utf-8")
        await super().start()

    async def post(self, body: bytes, token: str = INGEST) -> int:
        """Return the status for a notification; 0 without a response."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            async with (
                aiohttp.ClientSession(headers=headers) as client,
                client.post(f"{self.url}/webhooks/alertmanager", data=body) as answer,
            ):
                return answer.status
        except aiohttp.ClientError:
            return 0

    async def told(self, body: bytes) -> None:
        """Post a notification as Alertmanager does: a 503 is retried."""

        async def taken() -> bool:
            return await self.post(body) == 200

        await until(taken, "a notification to be accepted")

    async def do(self, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {READ}"}
        async with (
            aiohttp.ClientSession(headers=headers) as client,
            client.post(f"{self.url}/api/v1{path}", json=body) as answer,
        ):
            said = await answer.json()
            assert answer.status < 300, said
            return said

    async def burst(self, bodies: list[bytes]) -> None:
        """Post all of them, sixteen at a time."""
        gate = asyncio.Semaphore(16)

        async def one(body: bytes) -> None:
            async with gate:
                await self.post(body)

        await asyncio.gather(*(one(body) for body in bodies))

    def says(self, text: str) -> None:
        """Print when a step is reached, to show where the time goes."""
        sys.stdout.write(f"{time.monotonic() - self.began:5.1f} s  {text}\n")

    async def shows(self, *names: str, within: float = PATIENCE) -> None:
        """Wait until those alerts have fired, and look at the panels."""

        async def all_of_them() -> bool:
            return set(names) <= await self.observer.fired()

        await until(all_of_them, f"{', '.join(names)} to fire", within)
        await self.observer.look()
        self.says(", ".join(names))

    async def drop_curtain(self) -> None:
        await self.observer.stop()
        await self.close()
        self.store.signal(signal.SIGCONT)
        self.store.end()


def says(name: str, *, firing: bool = True, group: str = "", **annotations: str) -> bytes:
    """Return a notification about one alert that started a moment ago."""
    began = (datetime.now(UTC) - timedelta(seconds=20)).isoformat()
    ended = datetime.now(UTC).isoformat()
    labels = {"n": group} if group else {}
    one = alert(name, firing=firing, starts=began, ends=ended, labels=labels, annotations=annotations)
    return notification(one, group=f"{name}{group}")


async def play(stage: Stage) -> None:
    """Cause all faults, one after the other."""
    await stage.raise_curtain()
    # Alertmanager has an old token, and the service queries an Alertmanager that does not exist.
    await stage.upstream.post("alerts", fires("Unheard"))
    # Vendors: the pager hangs, the hook rejects one request and is then busy for half a minute, and there is no mail
    # server.
    stage.pager.script.extend([Answer(hang=True)] * 5000)
    stage.hook.script.append(Answer(status=400))
    stage.hook.script.extend([Answer(status=429, headers={"Retry-After": "32"})] * 400)
    # The store loses its timers, like one that evicts keys: this incident is never escalated.
    await stage.told(says("DataLag", group="forgotten"))
    assert stage.store.ask("DEL", "{receiver}:due:timer").startswith(b":1")
    await stage.told(says("Watchdog"))
    # Many at once, most of them repeated, as from two Alertmanagers.
    many = [says("ApiDown", group=str(number)) for number in range(STORM)]
    await stage.burst(many)
    await stage.burst(many * 2)
    await stage.shows("ReceiverPagesFailing", "ReceiverWorkOverdue", "ReceiverWatchdogNeverHeard")
    stage.pager.script.clear()
    stage.hook.script.clear()  # postponed deliveries are retried after the half minute
    stage.pager.released.set()
    await an_incident(stage)
    await try_endpoints(stage)
    await configuration(stage)
    await store(stage)
    await stage.shows("ReceiverDeadLetters", "ReceiverWatchdogSilent", "ReceiverDeliveryLag", within=90)
    await stage.shows("ReceiverEscalationLate", within=90)
    await process(stage)
    await stage.shows(*(rule["alert"] for rule in alerts()))


async def an_incident(stage: Stage) -> None:
    """An incident opens, is acknowledged, and ends."""
    said = says("HighErrorRate", error_rate="9%")
    for _ in range(3):
        await stage.told(said)  # and is repeated
    (known,) = [one for one in await stage.incidents() if "HighErrorRate" in str(one)]
    await stage.do(f"/incidents/{known['id']}/acknowledge", {})
    await stage.told(says("HighErrorRate", firing=False, error_rate="9%"))

    async def over() -> bool:
        return bool((await stage.get(f"/api/v1/incidents/{known['id']}"))[1]["state"] == "resolved")

    await until(over, "the end of the incident")


async def try_endpoints(stage: Stage) -> None:
    """Send an unreadable body with a valid token, a request without a token, and an alert with bad measurements."""
    assert await stage.post(b'{"version": "4"}') == 400
    assert await stage.post(says("ApiDown"), token="not-one-of-ours") == 401
    await stage.told(says("HighErrorRate", group="unread", error_rate="rather high"))
    await stage.shows("ReceiverNotificationsRefused", "ReceiverSenderUnauthorized", "ReceiverSeverityUnknowns")


async def configuration(stage: Stage) -> None:
    """A reload fails, and is corrected."""
    config = stage.folder / "receiver.yaml"
    good = config.read_text("utf-8")
    config.write_text("channels: [", "utf-8")
    stage.service.signal(signal.SIGHUP)
    await stage.shows("ReceiverReloadFailed")
    content = yaml.safe_load(good)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    content["auth"]["tokens"].append(
        {"name": "leaving", "token": "leaving-" * 4, "scopes": ["read"], "expires": f"{tomorrow:%Y-%m-%d}"}
    )
    config.write_text(yaml.safe_dump(content), "utf-8")
    stage.service.signal(signal.SIGHUP)
    await stage.shows("ReceiverTokenExpires")
    config.write_text(good, "utf-8")
    stage.service.signal(signal.SIGHUP)


async def store(stage: Stage) -> None:
    """The store is stopped under load, and returns without an append-only file."""
    assert stage.store.ask("CONFIG", "SET", "appendonly", "no").startswith(b"+OK")
    stage.store.signal(signal.SIGSTOP)
    await asyncio.gather(*(stage.post(says("DataLag", group=f"late{number}")) for number in range(32)))
    await stage.shows("ReceiverStoreAway", "ReceiverUnavailable", "ReceiverAnswersSlowly")
    stage.store.signal(signal.SIGCONT)
    await stage.shows("ReceiverDurabilityShort")


async def process(stage: Stage) -> None:
    """The service is killed and started again."""
    await stage.service.kill()
    await stage.shows("ReceiverDown", "ReceiverAbsent")
    await stage.start()

    async def seen_again() -> bool:
        return len(await stage.observer.ask("max by (metric) (receiver_review_figure) > 0")) > 0

    await until(seen_again, "the figures of the month, read at the start")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The stage after the story."""
    made = Stage(tmp_path_factory.mktemp("stage"))
    try:
        await play(made)
        yield made
    finally:
        sys.stdout.write(made.logs())
        await made.drop_curtain()


async def test_each_alert_was_made_to_fire(stage: Stage) -> None:
    assert {rule["alert"] for rule in alerts()} - await stage.observer.fired() == set()


async def test_every_query_of_every_panel_changed(stage: Stage) -> None:
    assert sorted(set(panels()) - stage.observer.changed) == []


async def test_the_recording_rules_have_values(stage: Stage) -> None:
    async def open_ones() -> bool:
        return bool(await stage.observer.ask("job_severity_state:receiver_incidents_open:max"))

    await until(open_ones, "an evaluation after the service's last start")
    names = await stage.observer.ask('count by (__name__) ({__name__=~"job.*:receiver_.*"})')
    assert {json.loads(labels)["__name__"] for labels in names} == set(recordings())


async def test_counters_were_there_before_anything_happened(stage: Stage) -> None:
    # Queries without a series at the beginning are ratios without events, or have `> 0`.
    unborn = {name for name in stage.observer.empty if "> 0" not in panels()[name]}
    assert unborn <= {name for name in panels() if "This month" in name}


async def test_every_variable_finds_its_values(stage: Stage) -> None:
    found = {
        name: {next(iter(json.loads(labels).values()), "") for labels in await stage.observer.ask(query)}
        for name, query in choices().items()
    }
    assert found["namespace"] == {"incidents"}
    assert found["job"] == {"receiver"}
    assert {"pager", "chat", "mail", "hook"} <= found["channel"]
    assert found["console"] == {"https://incidents.example.com"}


async def test_no_vendor_was_asked_what_it_would_not_understand(stage: Stage) -> None:
    assert stage.site.mistakes() == []
