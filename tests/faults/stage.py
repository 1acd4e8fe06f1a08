"""Store, vendors, replicas and sender of one fault test, and the times in which each of them was down."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from redis.asyncio import Redis

from tests.fakes.slack import TOKEN as SLACK_TOKEN
from tests.faults.oracle import PROBE, Span, Verdict, judge
from tests.faults.programs import ROOT, Fakes, Service, Valkey, free_port
from tests.faults.sender import ALICE, LEAD, TOKEN, Probe, Sender
from tests.faults.waiting import until
from tests.page_outcomes import unended

READ_TOKEN = "read-token-of-the-fault-tests"
FOR_EVER = 3600.0
MONITOR_FOR = 2.0
"""Seconds without a firing alert before an incident is resolved: the reference configuration has 15 min."""
QUICK = {"lease": "3s", "send_deadline": "2s"}
"""Short leases for short tests; one run uses those of the reference configuration."""
ENV = {
    "ALERTMANAGER_TOKEN": TOKEN,
    "RESPONDER_TOKEN": READ_TOKEN,
    "ADMIN_TOKEN": "admin-token-of-the-fault-tests",
    "SLACK_BOT_TOKEN": SLACK_TOKEN,
    "SLACK_SIGNING_SECRET": "s" * 32,
    "PD_KEY_ALICE": ALICE,
    "PD_KEY_LEAD": LEAD,
}


Change = Callable[[dict[str, Any]], None]
"""Changes of a test to the configuration."""


class Stage:
    """One store (None: each service has an embedded one), one set of vendors, and services that share a namespace."""

    def __init__(
        self, folder: Path, store: Valkey | None, fakes: Fakes, namespace: str = "receiver", *, plain: bool = False,
        homes: Sequence[Path] = (ROOT,),
    ) -> None:  # fmt: skip
        """`plain`: the services are started with the regular command (Service).

        `homes`: the folders of their code, in turn; the configuration is that of the first.
        """
        self._plain = plain
        self._homes = homes
        self.folder = folder
        self.store = store
        self.fakes = fakes
        self.namespace = namespace
        self.services: list[Service] = []
        self.sender: Sender
        self._changes: list[tuple[float, str, bool]] = []
        self._took: list[dict[str, Any]] = []
        self._rung: dict[str, list[dict[str, Any]]] = {}
        self._looked_at = 0
        self._change: Change | None = None
        self._watches: list[asyncio.Task[None]] = []

    async def open(
        self, services: int = 1, *, redis: Mapping[str, str] = QUICK, start: bool = True, change: Change | None = None
    ) -> Stage:
        """Write the configurations, each modified by `change`, and start that many services."""
        self._change = change
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self._homes[0] / "config" / "severity-rules.yaml", self.folder)
        for number in range(services):
            port = free_port()
            config = self._config(number, port, redis)
            home = self._homes[number % len(self._homes)]
            self.services.append(Service(config, port, {**ENV, **self._vendors()}, plain=self._plain, home=home))
        self.sender = Sender([service.url for service in self.services], self.folder / "sender.jsonl")
        for number in range(services if start else 0):
            await self.start(number)
        return self

    def _vendors(self) -> dict[str, str]:
        return {"PAGERDUTY_URL": self.fakes.url, "SLACK_URL": f"{self.fakes.url}/api"}

    def _config(self, number: int, port: int, redis: Mapping[str, str]) -> Path:
        content = yaml.safe_load((self._homes[0] / "config" / "receiver.yaml").read_text("utf-8"))
        content["server"]["listen"] = f"127.0.0.1:{port}"
        content["redis"] |= {"namespace": self.namespace, "data_dir": str(self.folder / "data"), **redis}
        content["redis"]["url"] = self.store_url(number)
        content["incidents"]["monitor_for"] = f"{MONITOR_FOR:g}s"
        # Here every group is checked by its own pages; storms have their own stories.
        content["ingest"]["storm"] = {"incidents": 1_000_000, "within": "1s"}
        content["verification"] = {"checks": []}
        # The stage has no mail server: deliveries to one would never end.
        content["channels"]["mail"]["smtp_url"] = ""
        content["channels"]["chat"]["incident_channels"] = None
        # The same person in every week.
        content["contacts"]["on-call"] = {"person": "alice"}
        if self._change is not None:
            self._change(content)
        path = self.folder / f"service-{number}.yaml"
        path.write_text(yaml.safe_dump(content), "utf-8")
        return path

    def store_url(self, number: int) -> str:
        """Return the address of the store for a service."""
        return self.store.url if self.store else "embedded"

    async def start(self, number: int = 0, kill_at: str = "") -> None:
        """Start a service and wait until it is ready."""
        await self.services[number].start(kill_at)
        self.note(f"service {number}", up=True)
        if kill_at:
            self._watches.append(asyncio.create_task(self._watch(number)))

    async def _watch(self, number: int) -> None:
        """Record when a service that dies at a named moment has reached it."""
        await until(lambda: not self.services[number].alive, "its end", FOR_EVER)
        self.note(f"service {number}", up=False)

    async def kill(self, number: int = 0) -> None:
        """kill -9 a service."""
        self.note(f"service {number}", up=False)
        await self.services[number].kill()

    async def kill_store(self) -> None:
        """kill -9 the store."""
        assert self.store is not None
        self.note("store", up=False)
        await self.store.kill()

    async def start_store(self) -> None:
        """Start the store again on its files."""
        assert self.store is not None
        await self.store.start()
        self.note("store", up=True)

    def note(self, name: str, *, up: bool) -> None:
        """Record that something is down, or up again."""
        self._changes.append((time.time(), name, up))

    @property
    def downs(self) -> list[Span]:
        """The times in which the store, or every service, was down."""
        spans: list[Span] = []
        down = {f"service {number}" for number in range(len(self.services))}
        since: float | None = None
        for at, name, up in [*self._changes, (time.time(), "", True)]:
            down = down - {name} if up else down | {name}
            away = "store" in down or all(f"service {n}" in down for n in range(len(self.services)))
            if away and since is None:
                since = at
            elif since is not None and (not away or not name):
                spans.append((since, at))
                since = None
        return spans

    def verdict(self, more: int = 1) -> Verdict:
        """Return the verdict on the ledgers so far."""
        return judge(self.sender.entries, self._mine(), self.downs, more=more)

    def _mine(self) -> list[dict[str, Any]]:
        # Several stages may share the vendors; a page key begins with the namespace of its stage.
        entries = self.fakes.entries()
        for entry in entries[self._looked_at :]:
            body: Any = entry.get("body")
            page = entry["vendor"] == "pagerduty" and isinstance(body, dict)
            if page and not str(body.get("dedup_key")).startswith(f"{self.namespace}/"):
                continue
            self._took.append(entry)
            if page and entry["taken"] and body["event_action"] == "trigger":
                found = PROBE.search(body["payload"]["summary"])
                self._rung.setdefault(found.group() if found else "", []).append(entry)
        self._looked_at = len(entries)
        return self._took

    def triggers(self, probe: Probe) -> list[dict[str, Any]]:
        """Return the accepted triggers about a probe."""
        self._mine()
        return self._rung.get(probe.name, [])

    async def paged(self, probe: Probe, within: float = 60.0) -> float:
        """Return the seconds until everybody whom the probe pages was paged."""

        def everybody() -> bool:
            return {entry["body"]["routing_key"] for entry in self.triggers(probe)} >= set(probe.pages)

        return await until(everybody, f"the pages of {probe.name}", within)

    async def owed(self, channel: str = "pager") -> int:
        """Return how many pages the store still owes: chat keeps to a message a second, and takes its time."""
        assert self.store is not None
        client = Redis.from_url(self.store.url)
        try:
            lanes = [key async for key in client.scan_iter(f"{{{self.namespace}}}:due:{channel}*", count=1000)]
            return sum([await client.zcard(lane) for lane in lanes])
        finally:
            await client.aclose()

    async def owes(self, count: int, channel: str = "pager") -> bool:
        """Return whether the store owes that many pages."""
        return await self.owed(channel) == count

    async def settled(self, within: float = 60.0, more: int = 1) -> Verdict:
        """Return the verdict once nothing is due anymore; raise AssertionError for a violation."""

        async def quiet() -> bool:
            return not self.verdict().owing and (self.store is None or await self.owed() == 0)

        with contextlib.suppress(AssertionError):
            await until(quiet, "nothing owed", within)
        verdict = self.verdict(more)
        assert verdict.breaches == [], verdict.breaches[:20]
        if self.store is not None:
            # An incident that is resolved only now handles its pages once more.
            await until(lambda: self.owes(0), "nothing owed", within)
        return verdict

    async def resolved(self) -> bool:
        """Return whether there is one incident, and it is resolved."""
        return [incident["state"] for incident in await self.incidents()] == ["resolved"]

    async def get(self, path: str, number: int = 0) -> Any:
        """Return the response of the API."""
        return await self._ask("GET", path, number)

    async def post(self, path: str, body: Any = None, number: int = 0) -> Any:
        """Send a command to the API, and return the response."""
        return await self._ask("POST", path, number, body)

    async def _ask(self, method: str, path: str, number: int, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {READ_TOKEN}"}
        url = self.services[number].url + path
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, url, json=body) as answer,
        ):
            assert answer.status in (200, 201), await answer.text()
            return await answer.json()

    async def incidents(self, number: int = 0) -> list[dict[str, Any]]:
        """Return the incidents that the API lists."""
        found: list[dict[str, Any]] = (await self.get("/api/v1/incidents?limit=500", number))["items"]
        return found

    def unended(self) -> list[str]:
        """Return the pages of the logs that neither ended nor are due; empty if the store is not ours."""
        return unended(self.store.url, self.namespace) if self.store and self.store.alive else []

    async def end(self) -> None:
        """End the services and the sender, regardless of the test's result."""
        for watch in self._watches:
            watch.cancel()
        for service in self.services:
            service.signal(signal.SIGCONT)
            service.end()
        await self.sender.close()


@contextlib.asynccontextmanager
async def vendors_and_store(
    folder: Path, *, store: bool = True, rate_limits: bool = False
) -> AsyncIterator[tuple[Valkey | None, Fakes]]:
    """A separate store and vendors, which end with the block; the socket's path must be short, so it is elsewhere."""
    short = Path(tempfile.mkdtemp(prefix="faults-"))
    fakes = Fakes(folder / "vendors", rate_limits=rate_limits)
    valkey = Valkey(short / "store") if store else None
    try:
        await fakes.start()
        if valkey is not None:
            await valkey.start()
        yield valkey, fakes
    finally:
        fakes.end()
        if valkey is not None:
            valkey.end()
        shutil.rmtree(short, ignore_errors=True)


@contextlib.asynccontextmanager
async def stage(folder: Path, services: int = 1, *, store: bool = True, **more: Any) -> AsyncIterator[Stage]:
    """A separate stage, which ends with the block."""
    async with vendors_and_store(folder, store=store) as (valkey, fakes):
        made = Stage(folder, valkey, fakes)
        try:
            yield await made.open(services, **more)
            assert made.unended() == [], "pages of a log that neither ended nor are due"
        finally:
            await made.end()
