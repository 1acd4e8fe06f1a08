"""The servers that the benchmarks measure side by side: a handler that does nothing, the service, and a vendor."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from bench.reading import TICKS, free_port

COMPILED = Path(tempfile.gettempdir()) / f"receiver-bench-{os.getuid()}"
"""The folder for Python's compiled modules between runs."""
TOKEN = "bench-ingest-7b1f0c52e9d84a6fb3c1d0e2a4958677"
BARE = """
import sys, uvloop
from aiohttp import web
async def take(request):
    await request.read()
    return web.json_response({"incident": None})
app = web.Application(client_max_size=2**26)
app.router.add_post("/webhooks/alertmanager", take)
app.router.add_get("/healthz", take)
uvloop.install()
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
"""
VENDOR = """
import sys, uvloop
from aiohttp import web
actions = {}
async def take(request):
    event = await request.json()
    action = event.get("event_action")
    actions[action] = actions.get(action, 0) + 1
    said = {"status": "success", "message": "ok", "dedup_key": event.get("dedup_key", "")}
    return web.json_response(said, status=202)
async def counted(request):
    return web.json_response(actions if request.path == "/actions" else actions.get("trigger", 0))
app = web.Application(client_max_size=2**26)
app.router.add_post("/{path:.*}", take)
app.router.add_get("/{path:.*}", counted)
uvloop.install()
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
"""
# The vendor accepts 120 events per minute and key, and the service respects that. To measure the service's own speed,
# the limits are raised; the quota is still checked for each call.
SERVICE = """
import sys
from receiver.channels import pagerduty
from receiver.cli import main
pagerduty.CALLS = pagerduty.BURST = pagerduty.EVEN = 10**7
pagerduty.STEADY = tuple((10**7, seconds) for _, seconds in pagerduty.STEADY)
sys.argv = ["receiver", *sys.argv[1:]]
sys.exit(main())
"""
CONFIG = """
auth: {{tokens: [{{name: alertmanager, token: {token}, scopes: [ingest]}}]}}
severity_rules: severity-rules.yaml
ingest: {{storm: {{incidents: {storm}, within: 1m}}}}
redis: {{durability: {durability}}}
severities:
  SEV-1: {{title: Critical, respond_within: 15m, page: [on-call]}}
  SEV-2: {{title: Major, respond_within: 15m}}
  SEV-3: {{title: Minor, respond_within: 1h}}
  SEV-4: {{title: Low, respond_within: 4h}}
contacts: {{on-call: {{person: alice}}}}
people: {{alice: {{name: Alice, pager: a71019f5bc793dcfd889a925a7adff16}}}}
channels: {{pager: {{kind: pagerduty, api_url: "http://127.0.0.1:{vendor}/pagerduty"}}}}
"""


class Server:
    """One process that listens on a loopback port, and the CPU time that it and its children have used."""

    def __init__(self, command: Sequence[str], folder: Path, checkout: Path | None = None) -> None:
        """`{port}` in `command` is replaced with the port; `checkout`: the folder of the service's code."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"{self.port}.log"
        env = {**os.environ, "RECEIVER_DATA_DIR": str(folder / "data"), "RECEIVER_LOG_LEVEL": "info"}
        env |= {"PYTHONPATH": str(checkout)} if checkout else {}
        # An installed package has compiled modules; here they exist from the second start on.
        env |= {"PYTHONPYCACHEPREFIX": str(COMPILED), "PYTHONDONTWRITEBYTECODE": ""}
        line = [word.replace("{port}", str(self.port)) for word in command]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(line, env=env, stderr=log, cwd=folder)

    def cpu(self) -> float:
        """Return seconds of CPU so far, those of its children included: the embedded store is one."""
        return self._cpu(own=True)

    def children_cpu(self) -> float:
        """Return the seconds of its children alone."""
        return self._cpu(own=False)

    def _cpu(self, *, own: bool) -> float:
        total = 0.0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if self.process.pid == int(fields[1]) or (own and self.process.pid == int(stat.parent.name)):
                total += (int(fields[11]) + int(fields[12])) / TICKS
        return total

    async def ready(self, client: aiohttp.ClientSession, path: str = "/healthz") -> float:
        """Return the seconds until it answered."""
        began = time.monotonic()
        while time.monotonic() - began < 60:
            try:
                async with client.get(f"{self.url}{path}"):
                    return time.monotonic() - began
            except aiohttp.ClientError:
                await asyncio.sleep(0.01)
        raise SystemExit(f"a server did not come up: {self.log.read_text()[-2000:]}")

    def end(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(60)


def bare(folder: Path) -> Server:
    """Return a server that reads a body and answers."""
    return Server([sys.executable, "-c", BARE, "{port}"], folder)


def vendor(folder: Path) -> Server:
    """Return a vendor that accepts every event."""
    return Server([sys.executable, "-c", VENDOR, "{port}"], folder)


def service(
    folder: Path,
    checkout: Path,
    vendor_port: int,
    *,
    storm: int = 1_000_000,
    redis_url: str | None = None,
    durability: str = "fsync",
    more: str = "",
) -> Server:
    """Return the service of `checkout` with a token, its log at info, and the embedded store that syncs each write.

    `storm`: number of incidents per minute above which there is a storm. `redis_url`: another store. `durability`: of a
    2xx. `more`: lines of the configuration.
    """
    (folder / "severity-rules.yaml").write_text((checkout / "config" / "severity-rules.yaml").read_text())
    (folder / "receiver.yaml").write_text(
        CONFIG.format(token=TOKEN, vendor=vendor_port, storm=storm, durability=durability) + more
    )
    command = ["serve", "--config", "receiver.yaml", "--listen", "127.0.0.1:{port}"]
    command += ["--redis", redis_url] if redis_url else []
    return Server([sys.executable, "-c", SERVICE, *command], folder, checkout)


def alertmanager(folder: Path) -> Server | None:
    """Return Debian's Alertmanager, which only keeps alerts in memory; None if it is not installed."""
    program = shutil.which("prometheus-alertmanager")
    if program is None:
        return None
    (folder / "alertmanager.yaml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    command = [
        program, "--config.file=alertmanager.yaml", f"--storage.path={folder / 'alertmanager'}",
        "--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", "--log.level=error",
    ]  # fmt: skip
    return Server(command, folder)
