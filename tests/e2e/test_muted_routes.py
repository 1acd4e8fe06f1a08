"""A pair of real Alertmanagers with time-based mutes (F1): muted alerts page no one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.programs import Alertmanager
from tests.e2e.test_alertmanager_reconciliation import fires
from tests.e2e.test_process import INGEST, House
from tests.faults.programs import free_port
from tests.faults.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

FILE = """
route:
  receiver: incident.service
  group_by: [alertname]
  group_wait: 1s
  group_interval: 2s
  routes:
    - matchers: ['night=~"y(es)?"']
      mute_time_intervals: [whenever]
    - matchers: ['office="yes"']
      active_time_intervals: [past]
      continue: true
    - matchers: ['office="yes"', 'nowhere="yes"']
receivers: [{name: incident.service, webhook_configs: [{url: 'http://127.0.0.1:1/webhooks/alertmanager'}]}]
mute_time_intervals:
  - name: whenever
    time_intervals:
      - times: [{start_time: '00:00', end_time: '24:00'}]
        weekdays: ['sunday:thursday', Friday, 'saturday']
        days_of_month: ['1:-1']
        months: ['1:6', 'july', 'august:december']
        years: ['2020:2100']
        location: America/New_York
time_intervals:
  - {name: past, time_intervals: [{years: ['2001']}]}
"""


class Pair(House):
    """A service that queries two Alertmanagers of one cluster, and one that cannot be reached."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.pair = [Alertmanager(folder), Alertmanager(folder)]
        self.gossip = [free_port(), free_port()]
        self.away = free_port()
        self.programs.extend(self.pair)

    async def start(self) -> None:
        config = self.folder / "receiver.yaml"
        content = yaml.safe_load(config.read_text("utf-8"))
        content["ingest"]["alertmanagers"] = [
            f"http://127.0.0.1:{self.away}",
            {"url": self.pair[0].url, "headers": {"X-Scope-OrgID": "prod"}},
            self.pair[1].url,
        ]
        content["ingest"]["reconcile"] = {"every": "1s", "forgotten_after": "60s", "unheard_after": "3s"}
        content["verification"] = {"checks": []}
        config.write_text(yaml.safe_dump(content), "utf-8")
        await super().start()

    async def again(self) -> None:
        """Start both Alertmanagers with the file above, as members of one cluster."""
        for one, mine, other in zip(self.pair, self.gossip, reversed(self.gossip), strict=True):
            (one.folder / "config.yaml").write_text(FILE, "utf-8")
            await one.start(
                "--config.file=config.yaml", f"--web.listen-address=127.0.0.1:{one.port}", "--storage.path=data",
                f"--cluster.listen-address=127.0.0.1:{mine}", f"--cluster.peer=127.0.0.1:{other}",
                "--cluster.settle-timeout=1s",
            )  # fmt: skip

    def looks(self) -> int:
        return self.service.log.read_text(errors="replace").count(f"no connection to 127.0.0.1:{self.away}")


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    made = Pair(tmp_path)
    try:
        yield made
        assert made.site.mistakes() == []
    finally:
        await made.close()


async def test_what_the_hours_of_a_route_hold_back_pages_nobody(pair: Pair) -> None:
    await pair.open()
    await pair.pair[0].open([f"{pair.url}/webhooks/alertmanager"], INGEST)
    await pair.pair[0].post("alerts", fires("DataLag"))

    async def heard() -> bool:
        return len(await pair.incidents()) == 1

    await until(heard, "the receiver is known")
    pair.pair[0].stop()
    await pair.again()
    muted = [*fires("HighErrorRate", night="yes"), *fires("HighErrorRate", office="yes")]
    for one in pair.pair:
        await one.post("alerts", muted)
    seen = pair.looks()
    await until(lambda: pair.looks() >= seen + 6, "the muted alerts were checked for longer than unheard_after")
    # Only one of the pair has the alert that is not muted.
    await pair.pair[1].post("alerts", fires("IntegrationDown"))
    await until(lambda: pair.pager.rung >= 1, "the page for what never came in")
    seen = pair.looks()
    await until(lambda: pair.looks() >= seen + 3, "three more checks")
    opened = sorted(one["title"].partition(":")[0] for one in await pair.incidents())
    assert opened == ["DataLag", "IntegrationDown"]
