"""A story's world: a real store, fake vendors, replicas without HTTP servers, and a clock that moves on request."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from receiver.clock import FakeClock
from receiver.config import Config, load
from receiver.incident.log.event_log import replay_events
from receiver.model.agreed_time import AgreedTime
from receiver.model.alert.alert import fingerprint, parse_notification
from receiver.pipeline.intake.intake_answer import Answer
from receiver.replica import Replica
from receiver.sources.http_client import LARGEST, SourceAnswer, SourceClient, SourceError
from receiver.store.keys import TIMERS
from tests.fakes import FakeConfluence, FakeGrafana, FakeHook, FakeJira, FakePagerDuty, FakeSlack, FakeStatuspage, Site
from tests.fakes.slack import TOKEN
from tests.page_outcomes import unended

START = datetime(2026, 11, 23, 14, 2, 20, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


class PushedClock(FakeClock):
    """Moves only on request, regardless of the store's clock."""

    def sync(self, store_time: datetime, took: float = 0.0) -> timedelta:
        return timedelta()

    def look(self, store_time: datetime, agreed: AgreedTime, took: float = 0.0) -> AgreedTime | None:
        return None


def reference(site: str, *, rooms: bool = False, **env: str) -> Config:
    """Return the reference configuration with the fakes as vendors; no Slack channels of incidents, no mail.

    Most stories do not need those; `rooms` keeps them on.
    """
    names = {
        "ALERTMANAGER_TOKEN": "am-token",
        "RESPONDER_TOKEN": "respond-token",
        "ADMIN_TOKEN": "admin-token",
        "PAGERDUTY_URL": site,
        "SLACK_URL": f"{site}/api",
        "STATUSPAGE_URL": site,
        "SLACK_BOT_TOKEN": TOKEN,
        "SLACK_SIGNING_SECRET": "s" * 32,
    }
    made = load(ROOT / "config" / "receiver.yaml", {**names, **env})
    chat = made.channels["chat"]
    alone = chat if rooms else chat.model_copy(update={"incident_channels": None})
    mail = made.channels["mail"]
    if "SMTP_URL" not in env:
        mail = mail.model_copy(update={"smtp_url": SecretStr("")})
    return made.model_copy(update={"channels": {**made.channels, "chat": alone, "mail": mail}})


def alert(
    name: str = "HighErrorRate", *, firing: bool = True, starts: str = "2026-11-23T14:02:11.611Z", **more: Any
) -> dict[str, Any]:
    """Return an alert as Alertmanager writes it; keyword `labels` and `annotations` are added."""
    labels = {"alertname": name, "service": "api", **more.get("labels", {})}
    return {
        "status": "firing" if firing else "resolved",
        "labels": labels,
        "annotations": more.get("annotations", {}),
        "startsAt": starts,
        "endsAt": "0001-01-01T00:00:00Z" if firing else more.get("ends", "2026-11-23T14:20:00Z"),
        "generatorURL": "http://prometheus.example.com/graph?g0.expr=up",
        "fingerprint": fingerprint(labels),
    }


def notification(*alerts: dict[str, Any], group: str = "api", truncated: int = 0, **more: Any) -> bytes:
    """Return the body of a notification about `alerts`."""
    status = "firing" if any(one["status"] == "firing" for one in alerts) else "resolved"
    return json.dumps(
        {
            "version": "4",
            "receiver": "incident\\.service",
            "status": status,
            "groupKey": f'{{}}:{{alertname="{group}"}}',
            "groupLabels": {"alertname": group},
            "commonLabels": {},
            "commonAnnotations": {},
            "truncatedAlerts": truncated,
            "externalURL": "http://alertmanager.example.com:9093",
            "alerts": list(alerts),
            **more,
        }
    ).encode()


class Outside(SourceClient):
    """Other queried systems: nothing answers unless a story sets a response."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, SourceAnswer] = {}
        """Responses by the prefix of the address."""
        self.asked: list[str] = []

    async def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        limit: float | None = None,
        headers: Mapping[str, str] | None = None,
        most: int = LARGEST,
    ) -> SourceAnswer:
        return await self._say(url)

    async def send(
        self,
        method: str,
        url: str,
        body: Any = None,
        limit: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> SourceAnswer:
        return await self._say(url)

    async def _say(self, url: str) -> SourceAnswer:
        self.asked.append(url)
        for begin, said in self.answers.items():
            if url.startswith(begin):
                return said
        raise SourceError("connection", "nobody answers in this story")


class Unhurried:
    """Quotas that are never reached: the story's clock stands still, so a second message would never be allowed."""

    async def draw(self, channel: str, quotas: Any, now_ms: int, turn: int = 0, most_ms: int = 0) -> tuple[int, int]:
        return 0, 0


class World:
    """Post with a given configuration, move the clock, and check what the vendors got."""

    def __init__(self, store: str) -> None:
        self.store = store
        self.clock = PushedClock(START)
        self.pagerduty, self.slack, self.hook = FakePagerDuty(), FakeSlack(), FakeHook()
        self.jira, self.confluence, self.grafana = FakeJira(), FakeConfluence(), FakeGrafana()
        self.page = FakeStatuspage()
        self.site = Site(self.pagerduty, self.slack, self.hook, self.jira, self.confluence, self.grafana, self.page)
        self.replicas: list[Replica] = []
        self.outside = Outside()

    async def open(self, replicas: int = 1, **env: Any) -> World:
        """Start the vendors and that many replicas."""
        await self.site.start()
        for _ in range(replicas):
            await self.replica(**env)
        return self

    def configuration(self, **env: Any) -> Config:
        """Return the configuration of its replicas."""
        return reference(self.site.url, **env)

    async def replica(self, *, paced: bool = False, **env: Any) -> Replica:
        """Start one more replica."""
        made = Replica(self.configuration(**env), url=self.store, clock=self.clock)
        if not paced:
            made.work.deliver.pace = Unhurried()  # type: ignore[assignment]
        made.verify.source_client = made.measure.source_client = made.reconcile.source_client = self.outside
        made.expressions.source_client = self.outside
        made.changes.source_client = made.alert_rule.source_client = made.budgets.source_client = self.outside
        await made.open_store()
        self.replicas.append(made)
        return made

    async def close(self) -> None:
        """End everything; a request that no vendor accepts, or a page that does not end, is a failure."""
        for replica in self.replicas:
            await replica.settle()
        left = unended(self.store)
        for replica in self.replicas:
            await replica.close()
        await self.site.stop()
        assert self.site.mistakes() == []
        assert left == [], "pages of a log that neither ended nor are due"

    @property
    def one(self) -> Replica:
        """The first replica."""
        return self.replicas[0]

    async def post(self, body: bytes, to: int = 0) -> Answer:
        """Post a body to a replica like the endpoint, and process everything that follows immediately."""
        answer = await self.replicas[to].intake.accept(parse_notification(body), self.clock.now())
        await self.quiet()
        return answer

    async def forward(self, by: str) -> None:
        """Move the clock in steps of five seconds, skipping those without due work, and process the work."""
        end = self.clock.now() + _span(by)
        for replica in self.replicas:
            await replica.work.idle()  # deliveries of a command are sent before time passes, as in reality
        while self.clock.now() < end:
            step = STEP * max(1, await self._steps())
            self.clock.forward(min(step, end - self.clock.now()))
            await self.quiet()

    async def _steps(self) -> int:
        # The number of steps to the next due work; one if unknown.
        if any(replica.monitor.away for replica in self.replicas):
            return 1
        now = self.clock.now().timestamp() * 1000
        due = self.one.due
        async with due.connection.guarded() as client:
            firsts = [await client.zrange(due.keys.due(lane), 0, 0, withscores=True) for lane in (TIMERS, *due.lanes)]
        moments = [first[0][1] for first in firsts if first]
        return math.ceil((min(moments) - now) / (STEP.total_seconds() * 1000)) if moments else 1

    async def quiet(self) -> None:
        """Let every replica poll until nothing is due or in progress."""
        for _ in range(50):
            for replica in self.replicas:
                await replica.turn()
                await replica.work.idle()
            beat = await self.one.due.beat(0, round(self.clock.now().timestamp() * 1000))
            if not beat.due:
                return
        raise AssertionError("it does not come to rest")

    async def incidents(self) -> list[Any]:
        """Return every incident, oldest first, after checking that log and state agree."""
        found = list(reversed(await self.one.incidents.listing(most=1000)))
        for incident in found:
            log = await self.one.incidents.events(incident.uid)
            assert [event.seq for event in log] == list(range(1, len(log) + 1))
            state = replay_events(log, incident.plan)
            assert state is not None
            assert state.model_copy(update={"id": incident.id, "version": incident.version}) == incident
        return found

    def sent(self, action: str = "trigger") -> list[str]:
        """Return the deduplication keys of the PagerDuty events of that action, in order."""
        return [entry["body"]["dedup_key"] for entry in self.pagerduty.taken if entry["body"]["event_action"] == action]

    def rung(self) -> list[str]:
        """Return who was paged, by the person in the page key, in order."""
        return [key.split("/")[-2] for key in self.sent()]


STEP = timedelta(seconds=5)


def _span(text: str) -> timedelta:
    units = {"s": 1, "m": 60, "h": 3600}
    return timedelta(seconds=float(text[:-1]) * units[text[-1]])


async def settle() -> None:
    """Let other tasks run."""
    await asyncio.sleep(0)
