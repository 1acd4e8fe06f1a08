"""Records the data that a release writes about some incidents: `python -m tests.stories.record_histories FILE`.

It uses the release's own stories (tests/stories/world.py) and stores logs, snapshots and the data of figures. To
record another release, extract it (`git archive COMMIT | tar -x -C FOLDER`), copy this file into its tests/stories, and
run it there with this repository's Python.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from receiver.model.alert.alert import fingerprint
from receiver.model.base import rfc3339
from receiver.model.command import (
    Acknowledge,
    AddAction,
    AddNote,
    ApproveUpdate,
    Assign,
    ChangeAction,
    CheckOff,
    Choose,
    Close,
    Command,
    CorrectEntry,
    Declare,
    Edit,
    Escalate,
    Identify,
    Mitigate,
    PageContact,
    Reopen,
    Resolve,
    RunTimer,
    SetClock,
    UpdateStatusPage,
    WritePostmortem,
)
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.postmortem import CorrectedTime, ReviewStatus
from receiver.model.incident.response_records import ActionStatus
from receiver.model.incident.review_record import review_record_fields
from receiver.model.severity import Severity
from receiver.review.timeline import timeline
from receiver.store.embedded.embedded_store import EmbeddedStore
from receiver.store.incidents.stored_records import event_of
from tests.stories.world import World, alert, notification

ALICE = Actor(kind=ActorKind.API, name="alice")
HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%", "summary": "Error rate 7.3%"}}
WORST: dict[str, Any] = {"labels": {"scope": "all_users"}, "annotations": {"error_rate": "61%"}}


class Recorder:
    """Runs the histories, one after the other, in one world."""

    def __init__(self, world: World) -> None:
        """Create it before the first history."""
        self.world = world

    async def fires(self, group: str, *names: str, **more: Any) -> str:
        """Let alerts of a group begin now, and return the id of their incident."""
        starts = rfc3339(self.world.clock.now())
        alerts = [alert(name, starts=starts, **{**HIGH, **more}) for name in names or (group,)]
        answer = await self.world.post(notification(*alerts, group=group))
        return answer.foremost.incident or ""

    async def ends(self, group: str, *names: str, **more: Any) -> None:
        """Let them end."""
        over: dict[str, Any] = {"firing": False, "ends": rfc3339(self.world.clock.now())}
        alerts = [alert(name, **over, **{**HIGH, **more}) for name in names or (group,)]
        await self.world.post(notification(*alerts, group=group))

    async def act(self, number: str, *commands: Command) -> None:
        """Carry out some commands, one minute apart."""
        for command in commands:
            await self.world.one.respond.act(number, command, ALICE, self.world.clock.now())
            await self.world.forward("1m")

    async def answered(self) -> None:
        """A person acknowledges it, works on it, and it is reviewed."""
        one = await self.fires("Answered")
        await self.act(
            one, Acknowledge(text="on it"), Assign(role="ic", person="alice"), AddNote(text="restarted"),
            CheckOff(item=1), RunTimer(action="start"), Identify(), Choose(option="rollback", text="to 1.2"),
            RunTimer(action="stop"), Edit(summary="s", cause="c", impact="i"), Mitigate(),
        )  # fmt: skip
        await self.ends("Answered")
        await self.world.forward("20m")
        began = self.world.clock.now() - timedelta(hours=1)
        await self.act(
            one, SetClock(clock=CorrectedTime.IMPACT_BEGAN, at=began), AddAction(title="tests", owner="alice"),
            AddAction(title="more", owner="bob", due=datetime(2026, 11, 30, tzinfo=UTC).date()),
            ChangeAction(n=1, status=ActionStatus.DONE), CorrectEntry(seq=4, text="right"),
            WritePostmortem(markdown="# What happened", status=ReviewStatus.FINAL), Close(),
        )  # fmt: skip

    async def unanswered(self) -> None:
        """Nobody answers: it escalates, its alert ends, and fires again within the hour."""
        await self.fires("Unanswered")
        await self.world.forward("47m")
        await self.ends("Unanswered")
        await self.world.forward("20m")
        await self.fires("Unanswered")
        await self.world.forward("5m")
        await self.ends("Unanswered")
        await self.world.forward("20m")

    async def flapping(self) -> None:
        """Its alert flaps; it is acknowledged, and the acknowledgement expires."""
        one = await self.fires("Flapping")
        for _ in range(4):
            await self.world.forward("3m")
            await self.ends("Flapping")
            await self.world.forward("3m")
            await self.fires("Flapping")
        await self.act(one, Acknowledge())
        await self.world.forward("70m")
        await self.ends("Flapping")
        await self.world.forward("20m")

    async def worse(self) -> None:
        """It gets worse, an update is published, more alerts join, and a person resolves it."""
        one = await self.fires("Worse")
        await self.fires("Worse", **WORST)
        await self.act(
            one, UpdateStatusPage(status="investigating", text="we look", publish=False), ApproveUpdate(n=1),
            PageContact(contact="cto", text="look"), Escalate(), Edit(severity=Severity.SEV2, text="no"),
        )  # fmt: skip
        await self.fires("Worse", "Worse", "Slow")
        await self.act(one, Resolve(), Reopen(text="not yet"), Resolve())

    async def apart_and_together(self) -> None:
        """One incident is split, and two others are merged."""
        first = await self.fires("Split", "A", "B")
        names = {"alertname": "B", "service": "api"}
        await self.world.one.incident_split.split(first, [fingerprint(names)], None, ALICE, self.world.clock.now())
        await self.world.forward("1m")
        second = await self.fires("Merged")
        await self.world.one.respond.merge(second, first, ALICE, self.world.clock.now())
        await self.world.forward("10m")
        await self.ends("Split", "A", "B")
        await self.ends("Merged")
        await self.world.forward("30m")

    async def drill(self) -> None:
        """A person declares a drill."""
        request = Declare(title="Game day", severity=Severity.SEV2, summary="practice", drill=True)
        done = await self.world.one.respond.declare(request, ALICE, self.world.clock.now())
        await self.world.forward("2m")
        await self.act(done.incident.id, Acknowledge(), Resolve())

    async def storm(self) -> None:
        """Many incidents at once: the later ones join a storm."""
        replica = self.world.one
        ingest = replica.config.ingest
        few = ingest.model_copy(update={"storm": ingest.storm.model_copy(update={"incidents": 3})})
        replica.apply(replica.config.model_copy(update={"ingest": few}))
        for name in ("P", "Q", "R", "S", "T"):
            await self.fires(name)
        await self.world.forward("2m")
        for name in ("P", "Q", "R", "S", "T"):
            await self.ends(name)
        await self.world.forward("40m")

    async def still_open(self) -> None:
        """Incidents that are open when the release is replaced."""
        await self.fires("Open")
        await self.act(await self.fires("Taken"), Acknowledge())
        await self.fires("Watched")
        await self.world.forward("1m")
        await self.ends("Watched")


async def kept(world: World) -> list[dict[str, Any]]:
    """Return snapshot, log, figures and timeline of each incident, oldest first."""
    found, keys = [], world.one.incidents.keys
    async with world.one.connection.guarded() as client:
        uids = await client.zrange(keys.named("index"), 0, -1)
        rows = [(await client.hgetall(keys.incident(uid)), await client.lrange(keys.log(uid), 0, -1)) for uid in uids]
    for uid, (row, log) in zip(uids, rows, strict=True):
        found.append(
            {
                "id": row["id"],
                "version": int(row["version"]),
                "state": json.loads(row["state"]),
                "past": review_record_fields(await world.one.incidents.incident(uid)),
                "log": [json.loads(line) for line in log],
                "timeline": timeline(await world.one.incidents.incident(uid), [event_of(line) for line in log]),
            }
        )
    return found


async def record() -> dict[str, Any]:
    """Run every history and return the stored data, and the month's figures as the release computes them."""
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder) / "store")
        world = World(store.start())
        try:
            await world.open()
            recorder = Recorder(world)
            for live in (
                recorder.answered, recorder.unanswered, recorder.flapping, recorder.worse,
                recorder.apart_and_together, recorder.drill, recorder.storm, recorder.still_open,
            ):  # fmt: skip
                await world.forward("2h")
                await live()
            now, reports = world.clock.now(), world.one.reports
            report = await reports.monthly(reports.month(None, now), now)
            found = {"now": rfc3339(now), "report": report, "incidents": await kept(world)}
            await world.close()
            return found
        finally:
            store.stop()


if __name__ == "__main__":
    recorded = asyncio.run(record())
    Path(sys.argv[1]).write_text(json.dumps(recorded, separators=(",", ":"), sort_keys=True) + "\n", "utf-8")
