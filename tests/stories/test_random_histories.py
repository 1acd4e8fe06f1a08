"""Any history: notifications, commands, time and crashes in any order, on a real store, with invariants at each step.

At most one open incident per correlation key; log and state agree; nobody is paged twice for one step, or triggered
twice at the vendor; due work has its row, and every timer is set. In the end, without further crashes, everyone who
must be paged was paged, and finished incidents are resolved at the vendor.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from receiver.incident.log.command_errors import IllegalCommand, ImpossibleCommand
from receiver.incident.timers import timers
from receiver.model.alert.alert import fingerprint, parse_notification
from receiver.model.base import to_ms
from receiver.model.command import (
    Acknowledge,
    AddNote,
    Close,
    Command,
    Edit,
    Escalate,
    Identify,
    Mitigate,
    Reopen,
    Resolve,
)
from receiver.model.incident.event import Actor, ActorKind, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from receiver.pipeline.response.command_handler import CommandHandler
from receiver.replica import Replica
from receiver.store.client.connection import StoreAway
from tests.conftest import ask
from tests.stories.world import START, World, alert, notification

pytestmark = pytest.mark.usefixtures("clocks_agree")

ALICE = Actor(kind=ActorKind.API, name="alice")
GROUPS = st.sampled_from(["one", "two", "three"])
NAMES = ("Broken", "Slow", "Odd")
LEVELS: dict[str, dict[str, Any]] = {
    "sev-1": {"annotations": {"error_rate": "61%"}, "labels": {"scope": "all_users"}},
    "sev-2": {"annotations": {"error_rate": "7.3%"}},
    "sev-3": {"labels": {"severity": "warning"}},
    "sev-4": {"labels": {"severity": "info"}},
}
SPOKEN = st.fixed_dictionaries(
    {}, optional={name: st.tuples(st.booleans(), st.sampled_from(sorted(LEVELS))) for name in NAMES}
).filter(bool)
"""For one group: the alerts of a notification, whether each fires, and its severity."""
COMMANDS: list[Command] = [
    Acknowledge(), Identify(), Mitigate(), Resolve(), Close(force=True, text="no need"), Reopen(), Escalate(),
    Edit(severity=Severity.SEV1), Edit(severity=Severity.SEV3), AddNote(text="looked at it"),
]  # fmt: skip
LIVES = int(os.environ.get("LIVES", "15"))
REPLICAS = st.integers(0, 1)


class Life(RuleBasedStateMachine):
    """Two replicas on one store, with fake vendors, and a clock that moves on request."""

    store = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        assert ask(self.store, "FLUSHALL", "SYNC") == b"+OK\r\n"
        self.world = World(self.store)
        self.raw: Any = redis.Redis.from_url(self.store, decode_responses=True)
        self.began: dict[str, int] = {}
        self.dead: list[Replica] = []

    def do(self, work: Any) -> Any:
        return self.runner.run(work)

    @initialize()
    def start(self) -> None:
        self.do(self.world.open(replicas=2))

    def body(self, group: str, said: dict[str, tuple[bool, str]]) -> bytes:
        alerts = []
        for name, (firing, level) in said.items():
            labels = {"group": group, **LEVELS[level].get("labels", {})}
            mark = fingerprint({"alertname": name, "service": "api", **labels})
            if firing:
                self.began.setdefault(mark, to_ms(self.world.clock.now()))
            since = self.began.get(mark, to_ms(START))
            if not firing:
                self.began.pop(mark, None)
            starts = (START + timedelta(milliseconds=since - to_ms(START))).isoformat()
            notes = LEVELS[level].get("annotations", {})
            alerts.append(alert(name, firing=firing, starts=starts, labels=labels, annotations=notes,
                                ends=self.world.clock.now().isoformat()))  # fmt: skip
        return notification(*alerts, group=group)

    @rule(group=GROUPS, said=SPOKEN, to=REPLICAS, peer=st.booleans())
    def notify(self, group: str, said: dict[str, tuple[bool, str]], to: int, peer: bool) -> None:
        body = self.body(group, said)
        self.do(self.world.post(body, to))
        if peer:
            self.do(self.world.post(body, 1 - to))

    @rule(group=GROUPS, said=SPOKEN)
    def notify_both_at_once(self, group: str, said: dict[str, tuple[bool, str]]) -> None:
        body = parse_notification(self.body(group, said))

        async def both() -> None:
            now = self.world.clock.now()
            await asyncio.gather(*(replica.intake.accept(body, now) for replica in self.world.replicas))
            await self.world.quiet()

        self.do(both())

    @rule(which=st.integers(0, 5), command=st.sampled_from(COMMANDS), at=REPLICAS)
    def command(self, which: int, command: Command, at: int) -> None:
        async def act() -> None:
            found = await self.world.one.incidents.listing()
            if found:
                respond: CommandHandler = self.world.replicas[at].respond
                with suppress(IllegalCommand, ImpossibleCommand):
                    await respond.act(found[which % len(found)].uid, command, ALICE, self.world.clock.now())
                await self.world.quiet()

        self.do(act())

    @rule(pair=st.tuples(st.integers(0, 3), st.integers(0, 3)))
    def merge(self, pair: tuple[int, int]) -> None:
        async def act() -> None:
            found = await self.world.one.incidents.listing()
            if len(found) > max(pair):
                child, parent = found[pair[0]], found[pair[1]]
                with suppress(IllegalCommand):
                    await self.world.one.respond.merge(child.uid, parent.uid, ALICE, self.world.clock.now())
                await self.world.quiet()

        self.do(act())

    @rule(which=st.integers(0, 3))
    def split(self, which: int) -> None:
        async def act() -> None:
            found = await self.world.one.incidents.listing()
            if len(found) > which:
                names = sorted(await self.world.one.incidents.records(found[which].uid))[:1] or ["0" * 16]
                now = self.world.clock.now()
                with suppress(IllegalCommand, ImpossibleCommand):
                    await self.world.one.incident_split.split(found[which].uid, names, None, ALICE, now)
                await self.world.quiet()

        self.do(act())

    @rule(minutes=st.sampled_from([0.2, 1, 5, 16, 31, 61]))
    def time(self, minutes: float) -> None:
        self.world.clock.forward(timedelta(minutes=minutes))
        self.do(self.world.quiet())

    @rule(group=GROUPS, said=SPOKEN, to=REPLICAS)
    def crash_after_the_commit(self, group: str, said: dict[str, tuple[bool, str]], to: int) -> None:
        """The replica dies with its leases, and another one starts."""
        body = parse_notification(self.body(group, said))

        async def die() -> None:
            victim = self.world.replicas[to]
            await victim.intake.accept(body, self.world.clock.now())
            self.kill(victim)
            await self.world.replica()
            self.world.replicas[to] = self.world.replicas.pop()

        self.do(die())

    @rule(group=GROUPS, said=SPOKEN, to=REPLICAS)
    def lose_the_answer_of_a_commit(self, group: str, said: dict[str, tuple[bool, str]], to: int) -> None:
        """It was written without a response: the sender retries."""
        body = parse_notification(self.body(group, said))
        replica = self.world.replicas[to]

        async def post() -> None:
            write = replica.connection.write

            async def lost(*given: Any) -> Any:
                replica.connection.write = write  # type: ignore[method-assign]
                await write(*given)
                raise StoreAway("the answer was lost")

            replica.connection.write = lost  # type: ignore[method-assign]
            with suppress(StoreAway):
                await replica.intake.accept(body, self.world.clock.now())
            replica.connection.write = write  # type: ignore[method-assign]
            await self.world.replicas[1 - to].intake.accept(body, self.world.clock.now())

        self.do(post())

    def kill(self, replica: Replica) -> None:
        for task in replica.work.tasks.running:
            task.cancel()
        self.dead.append(replica)

    @precondition(lambda self: self.world.replicas)
    @invariant()
    def everything_holds(self) -> None:
        self.do(self.check())

    async def check(self) -> None:
        incidents: list[Incident] = await self.world.incidents()  # log and state agree, or it fails there
        keys = Counter(key for one in incidents if not one.state.over for key in one.keys)
        assert not [key for key, count in keys.items() if count > 1], "two open incidents of one key"
        prefix = self.world.one.connection.keys.prefix
        waiting = set(self.raw.zrange(f"{prefix}due:timer", 0, -1))
        policy = self.world.one.setting.policy
        for one in incidents:
            await self.paged_once(one)
            for name, at in timers(one, policy).items():
                if at is not None and name not in (
                    "hand_over",
                    "leave",
                    "unsilence",
                    "storm",
                    "verify",
                    "measure",
                    "rule",
                    "budget",
                ):
                    assert f"{one.uid} {name}" in waiting, f"{one.id} has lost its timer {name}"
        for name in self.raw.scan_iter(f"{prefix}row:*"):
            row = self.raw.hgetall(name)
            member = name.removeprefix(f"{prefix}row:")
            if int(row.get("cursor") or 0) < int(row["last"]) and "parked" not in row:
                score = self.raw.zscore(f"{prefix}due:{row['lane']}", member)
                assert score is not None, f"{member} is owed and not due"
        for key, entry in self.world.pagerduty.alerts.items():
            assert entry["rung"] == 1, f"{key} rang {entry['rung']} times"

    async def paged_once(self, incident: Incident) -> None:
        log = await self.world.one.incidents.events(incident.uid)
        # By its key: a person who has not answered gets a page with another number when the alerts fire again.
        pages = Counter(event.data["page"]["key"] for event in log if event.kind is Kind.PAGE)
        assert not [page for page, count in pages.items() if count > 1], f"{incident.id} pages somebody twice: {pages}"

    async def settle(self) -> None:
        """Without further crashes: leases end, and all due work is done."""
        for _ in range(4):
            self.world.clock.forward(timedelta(seconds=15))
            await self.world.quiet()
        await self.check()
        for one in await self.world.incidents():
            for page in one.pages:
                alert_ = next((e for (_, key), e in self.world.pagerduty.alerts.items() if key == page.key), None)
                due = page.ring == one.ring and page.called_for(one.called) and not page.withdrawn
                if one.state is State.OPEN and due and one.held is None:
                    assert alert_ is not None, f"{page.person} was never paged for {one.id}: {await self.told(one)}"
                if one.state.over and alert_ is not None:
                    assert alert_["status"] == "resolved", f"{one.id} is over, and not at the vendor"

    async def told(self, incident: Incident) -> list[Any]:
        """Return the known data about the incident's deliveries, for the message of a failure."""
        prefix = self.world.one.connection.keys.prefix
        rows = {name: self.raw.hgetall(name) for name in self.raw.scan_iter(f"{prefix}row:{incident.uid}*")}
        receipts = await self.world.one.incidents.receipts(incident.uid)
        log = await self.world.one.incidents.events(incident.uid)
        return [rows, receipts, [(e.seq, e.kind, e.reason, [to.address for to in e.to]) for e in log], incident.pages]

    def teardown(self) -> None:
        try:
            if self.world.replicas:
                self.do(self.settle())
        finally:
            self.do(self.end())
            self.runner.close()
            self.raw.close()

    async def end(self) -> None:
        for replica in self.dead:
            await replica.close()
        await self.world.close()


@pytest.mark.timeout(300)
def test_any_history(valkey: str) -> None:
    class Here(Life):
        store = valkey

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=LIVES,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # A history takes a second: a failure is printed unchanged, because shrinking would take minutes.
            phases=(Phase.generate,),
            report_multiple_bugs=False,
        ),
    )
