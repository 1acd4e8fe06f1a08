"""The real Alertmanager and Prometheus from Debian's packages, on free ports of the loopback, stopped by their pid."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import aiohttp

from tests.faults.programs import free_port
from tests.faults.waiting import until


class Program:
    """One program, its log, and its address."""

    def __init__(self, folder: Path, name: str) -> None:
        found = shutil.which(name)
        assert found is not None, f"{name} is missing: `make tools` installs it (Debian's packages)"
        self.folder = folder / f"{name}-{free_port()}"
        self.folder.mkdir(parents=True)
        self.name = found
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._from = 0
        """The offset in the log at which this start begins."""

    async def start(self, *arguments: str) -> None:
        log = self.folder / "log"

        def run() -> None:
            self._from = log.stat().st_size if log.exists() else 0
            with log.open("ab") as output:
                self._process = subprocess.Popen([self.name, *arguments], stdout=output, stderr=output, cwd=self.folder)

        async def ready() -> bool:
            # Its port was free a moment ago; Alertmanager continues without a listener.
            if b"address already in use" in log.read_bytes()[self._from :]:
                self.stop()
                await asyncio.sleep(0.2)
                run()
            return await self._ready()

        run()
        await until(ready, f"{self.name} to be ready; its log: {log}", 90)

    async def _ready(self) -> bool:
        try:
            async with aiohttp.ClientSession() as client, client.get(f"{self.url}/-/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)


class Alertmanager(Program):
    """Sends to the receivers' URLs at short intervals."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "prometheus-alertmanager")

    async def open(self, urls: list[str], token: str, *, max_alerts: int = 0, cluster: str = "") -> None:
        hooks = "".join(
            f"\n      - url: {url}\n        send_resolved: true\n        max_alerts: {max_alerts}"
            f"\n        http_config: {{authorization: {{credentials: {token}}}}}"
            for url in urls
        )
        (self.folder / "config.yaml").write_text(
            "route: {receiver: incident.service, group_by: [alertname], group_wait: 1s, group_interval: 2s, "
            f"repeat_interval: 1m}}\nreceivers:\n  - name: incident.service\n    webhook_configs:{hooks}\n"
        )
        await self.start(
            "--config.file=config.yaml", f"--web.listen-address=127.0.0.1:{self.port}", "--storage.path=data",
            f"--cluster.listen-address={cluster}",
        )  # fmt: skip

    async def post(self, path: str, body: object) -> object:
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"{self.url}/api/v2/{path}", json=body) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.json(content_type=None)


class Prometheus(Program):
    """Scrapes one target every second and evaluates one rule."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "prometheus")

    async def open(self, target: str, alertmanager: str, rule: str) -> None:
        (self.folder / "rules.yaml").write_text(rule)
        (self.folder / "config.yaml").write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yaml]\n"
            f"scrape_configs: [{{job_name: api, static_configs: [{{targets: ['{target}']}}]}}]\n"
            f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]}}\n"
        )
        await self.start(
            "--config.file=config.yaml", f"--web.listen-address=127.0.0.1:{self.port}", "--storage.tsdb.path=data",
        )  # fmt: skip
