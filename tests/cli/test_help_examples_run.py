"""Every example in the help is run unchanged against a live service, in a folder with the files that it names."""

from __future__ import annotations

import asyncio
import itertools
import json
import shlex
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import receiver.app
from receiver.cli import app
from receiver.cli.commands.oncall import oncall as oncall_commands
from receiver.cli.help_examples import EXAMPLES
from receiver.clock import Clock
from receiver.config import Config
from receiver.model.command import AddAction, AddNote, Command, Reopen, Resolve, UpdateStatusPage
from receiver.model.delivery.subscription import Subscriber
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.response_records import UpdateStatus
from receiver.model.incident.state import State
from receiver.model.oncall.team_settings import Team
from receiver.pipeline.alerts import maintenance_windows
from receiver.pipeline.delivery import dead_letters
from receiver.pipeline.oncall import overrides
from receiver.sources.http_client import SourceAnswer, SourceClient
from tests.stories.world import ROOT, alert, notification
from tests.web.api.test_every_operation import Upstream
from tests.web.conftest import House, Opened

SEVEN = "INC-2026-0007"
BOB = Actor(kind=ActorKind.API, name="bob")
FINGERPRINT, OVERRIDE, WINDOW = "0f7feb5f00044815", "9f2c1d3e4a5b6c7d", "4f1c8e2a9b3d5f60"
LETTER = "5d2f8a1c9b3e"
OFFER = "offer-5f2c9a7b"
ANSWERS = "Alice\n\n\n\nUTC\n"
LINES = [(name, line) for name, lines in EXAMPLES.items() for line in lines]


class Shell:
    """A shell with a folder of files, an administrator's token, and a service with some incidents."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house = house
        self.folder = folder
        self.url = str(house.client.make_url("/"))

    async def prepare(self) -> None:
        """Write the files that examples name, and open eight incidents."""
        samples = ROOT / "tests" / "samples"
        shutil.copy(samples / "alertmanager-firing-single.json", self.folder / "payload.json")
        shutil.copy(samples / "upstream" / "rules" / "prometheusrule.yml", self.folder / "alerts.yaml")
        for name in ("severity-rules.yaml", "severity-rules.test.yaml"):
            shutil.copy(ROOT / "config" / name, self.folder)
        routes = "route: {receiver: incidents, group_by: [alertname, service]}\n"
        hook = "webhook_configs: [{url: 'http://127.0.0.1:8080/webhooks/alertmanager'}]"
        (self.folder / "alertmanager.yml").write_text(f"{routes}receivers: [{{name: incidents, {hook}}}]\n")
        self.house.world.slack.refused["chat.postMessage"] = "channel_not_found"  # causes dead letters
        for number in range(1, 9):
            one = alert(f"Alert{number}", labels={"severity": "critical"})
            two = {**alert(f"Second{number}", labels={"severity": "critical"})}
            two["fingerprint"] = FINGERPRINT if number == 7 else two["fingerprint"]
            await self.house.post(notification(one, two, group=f"group {number}"))
        await self.act(AddAction(title="x", owner="bob"))
        for number in range(14):
            await self.act(AddNote(text=f"note {number}"))
        await self.house.world.quiet()

    async def act(self, command: Command) -> None:
        """Run a command on the incident that examples name."""
        respond = self.house.replica.respond
        await respond.act(SEVEN, command, BOB, self.house.world.clock.now())

    async def ready(self, line: str) -> None:
        """Bring the service into the state that `line` requires."""
        if SEVEN in line:
            incident = await self.house.replica.respond.find(SEVEN)
            over = "incident reopen" in line or "--final" in line or (" close " in line and "--force" not in line)
            if not incident.state.over and (over or incident.state is not State.OPEN):
                await self.act(Resolve())
            if not over and incident.state is not State.OPEN:
                await self.act(Reopen())
        if OFFER in line:
            day = {"schedule": "primary", "person": "alice", "from": "2026-11-24T00:00:00Z"}
            document = {**day, "until": "2026-11-25T00:00:00Z", "by": "alice", "made_at": "2026-11-23T14:00:00Z"}
            replica = self.house.replica
            await replica.overrides.shared_documents.take("override", OFFER)
            await replica.overrides.shared_documents.put("offer", OFFER, document)
            await replica.overrides.reread()
        if "status approve" in line:
            await self.act(UpdateStatusPage(status=UpdateStatus.INVESTIGATING, text="we look", publish=False))
        if "session end" in line:
            form = {"token": "respond-token", "next": "/"}
            async with self.house.client.post("/login", data=form, allow_redirects=False) as answer:
                assert answer.status == 303
        if "subscribers" in line:
            someone = Subscriber(id="ab12", address="alice@example.com", confirmed_at=self.house.world.clock.now())
            await self.house.replica.subscriptions.subscribers.put(someone)
        if "channels test" in line:
            self.house.world.slack.refused.clear()

    async def answer(self) -> None:
        """Respond to the test pages of `prove` in PagerDuty until none is open."""
        answered = set[str]()
        while True:
            await self.house.world.quiet()
            for key in set(self.house.world.sent()) - answered:
                answered.add(key)
                await self.house.replica.reachability.answered(key, self.house.world.clock.now())
            await asyncio.sleep(0.01)

    async def type(self, line: str) -> Result:
        """Run one line; of the shell syntax, only variables, `>` and the one filter of the examples are supported."""
        call, _, file = line.partition(" > ")
        call, _, pipe = call.partition(" | ")
        words = shlex.split(call)
        variables = dict(words.pop(0).split("=", 1) for _ in range(words.index("receiver")))
        token = "am-token" if "send-alert" in words else "admin-token"
        env: Mapping[str, str] = {"RECEIVER_URL": self.url, "RECEIVER_TOKEN": token, **variables}
        assert words.pop(0) == "receiver"
        people = asyncio.create_task(self.answer()) if "prove" in words else None
        done = await asyncio.to_thread(CliRunner().invoke, app, words, env=env, input=ANSWERS)
        if people is not None:
            people.cancel()
        await self.house.world.quiet()
        if file:
            (self.folder / file).write_text(done.stdout)
        if pipe:
            assert pipe == "jq -r '.items[].id'"
            assert [item["id"] for item in json.loads(done.stdout)["items"]]
        return done


def with_a_team(config: Config) -> Config:
    return config.model_copy(update={"teams": {"payments": Team(labels={"team": "payments"})}})


@pytest.fixture
async def shell(opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    house = await opened(with_a_team, ALERTMANAGER_URL="http://alertmanager:9093")
    house.replica.silences.source_client = Upstream()
    monkeypatch.chdir(tmp_path)
    # The clock is that of the story, and the ids are those of the examples.
    now = Clock.now
    monkeypatch.setattr(Clock, "now", lambda self: now(house.world.clock))
    drawn, called = dead_letters.dead_letter_id, list[str]()

    def letter_id(member: str) -> str:
        called.extend([member] if not called else [])
        return LETTER if member == called[0] else drawn(member)

    monkeypatch.setattr(dead_letters, "dead_letter_id", letter_id)
    for room, first in ((overrides, OVERRIDE), (maintenance_windows, WINDOW)):
        ids = itertools.chain([first], (f"{number:016x}" for number in itertools.count(1)))
        monkeypatch.setattr(room, "new_uid", partial(next, ids))
    monkeypatch.setattr(receiver.app, "serve", lambda *args, **more: 0)

    async def get(self: SourceClient, url: str, *more: Any, **further: Any) -> SourceAnswer:
        assert url.startswith("http://alertmanager:9093/")
        return SourceAnswer(200, b"[]")

    monkeypatch.setattr(SourceClient, "get", get)
    monkeypatch.setattr(oncall_commands, "EVERY", 0.05)
    made = Shell(house, tmp_path)
    await made.prepare()
    return made


GROUPS = ("incident", "oncall", "maintenance", "rules", "status", "dead-letters", "channels", "report")
"""Commands whose examples each get a separate service; the others share one."""


@pytest.mark.parametrize("group", ["", *GROUPS])
async def test_every_example_of_help_runs_as_it_stands(shell: Shell, group: str) -> None:
    failures = []
    for name, line in LINES:
        first = name.partition(" ")[0]
        if (first if first in GROUPS else "") != group:
            continue
        await shell.ready(line)
        done = await shell.type(line)
        if done.exit_code != 0:
            failures.append(f"{line}: {done.exit_code}: {done.output[-300:]} {done.exception!r:.200}")
    assert "\n".join(failures) == ""
