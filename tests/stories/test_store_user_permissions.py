"""The user of deploy/store/user.conf has enough permissions for the whole life of an incident, and no others."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from receiver.model.command import Acknowledge, AddNote, Close, PageContact
from receiver.model.incident.state import State
from tests.store.servers import DURABLE, NEW, Server, ended
from tests.stories.test_escalation import ALICE
from tests.stories.world import ROOT, World, alert, notification

FILE = ROOT / "deploy" / "store" / "user.conf"
PASSWORD = "replaceWith32RandomLettersOrDigits"
HIGH: dict[str, Any] = {"annotations": {"error_rate": "7.3%", "summary": "Error rate 7.3%"}}
LUA = "\n".join(path.read_text("utf-8") for path in (ROOT / "receiver" / "store" / "lua").rglob("*.lua"))


@pytest.fixture(params=NEW)
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    """A server with the user in that file."""
    text = FILE.read_text("utf-8")
    if request.param == "redis7":
        text = text.replace(" +waitaof +info", " +info")
    made = Server(tmp_path / "server", request.param, DURABLE, config=text)
    with ended(made):
        await made.start()
        yield made


async def test_the_whole_flow_is_allowed(server: Server) -> None:
    world = World(server.url.replace("//", f"//receiver:{PASSWORD}@"))
    try:
        await world.open()
        replica = world.one
        assert replica.connection.server.warnings == ()
        assert replica.connection.server.level == "fsync"
        await world.post(notification(alert(**HIGH)))
        await world.post(notification(alert(**HIGH), alert("ApiDown")))
        await world.forward("20m")
        for command in (Acknowledge(), AddNote(text="looking"), PageContact(contact="on-call", text="please")):
            await replica.respond.act("INC-2026-0001", command, ALICE, world.clock.now())
        await world.post(notification(alert(firing=False, **HIGH), alert("ApiDown", firing=False)))
        await world.forward("20m")
        (incident,) = await world.incidents()
        assert incident.state is State.RESOLVED
        await replica.respond.act("INC-2026-0001", Close(), ALICE, world.clock.now())
        for _ in range(2):
            await replica.incident_compression.on_timer(world.clock.now())
            world.clock.forward(timedelta(days=2))
        assert (await world.incidents())[0].state is State.CLOSED
        await replica.respond.act("INC-2026-0001", AddNote(text="more"), ALICE, world.clock.now())
        # Commits of another replica are read, to be written back if the store loses them.
        (copy,) = await replica.work.recovery.memory.copies([incident.uid])
        assert copy.events
        await replica.monitor.check()
        assert not replica.monitor.away
        await world.forward("30m")
    finally:
        await world.close()
    admin = server.client()
    assert admin.acl_log() == []
    admin.close()


async def test_it_may_do_that_and_nothing_else(server: Server) -> None:
    admin = server.client()

    def may(*words: str) -> bool:
        return admin.execute_command("ACL", "DRYRUN", "receiver", *words) in ("OK", True)

    called = set(re.findall(r"redis\.call\('([A-Z]+)'", LUA))
    assert len(called) > 30
    arities = admin.command()
    for name in called:
        arity = abs(arities[name.lower()]["arity"])
        words = ["{receiver}:x"] * max(arity - 1, 1)
        assert may(name, *words), name
    for words in (
        ("EVALSHA", "sha", "1", "{receiver}:x"), ("SCRIPT", "LOAD", "return 1"), ("WAIT", "1", "800"), ("TIME",),
        ("INFO",), ("CONFIG", "GET", "appendfsync"), ("PING",), ("HELLO",), ("SELECT", "0"),
        ("SCAN", "0"),
    ):  # fmt: skip
        assert may(*words), words
    for words in (
        ("SET", "other", "1"), ("GET", "{receiver2}:x"), ("FLUSHALL",), ("FLUSHDB",), ("KEYS", "*"), ("SHUTDOWN",),
        ("CONFIG", "SET", "appendfsync", "no"), ("ACL", "LIST"), ("REPLICAOF", "NO", "ONE"), ("DEBUG", "SLEEP", "1"),
        ("PUBLISH", "c", "m"), ("MONITOR",), ("CLUSTER", "RESET"),
        ("MIGRATE", "h", "1", "", "0", "5", "KEYS", "{receiver}:x"),
    ):  # fmt: skip
        assert not may(*words), words
    admin.close()
