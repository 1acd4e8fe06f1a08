"""A replica's copies of incidents, for a store that loses data: which are kept, and the memory limit."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import orjson
import pytest

from receiver.incident.log.alert_membership import fired
from receiver.model.base import to_ms
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.pipeline.intake.commit_parts import alert_body
from receiver.pipeline.open_incidents import incident_copies
from receiver.pipeline.open_incidents.incident_copies import BYTES, LARGEST, LEAN_BYTES, IncidentCopies
from receiver.store.incidents.commit_script import script_arguments
from receiver.store.incidents.incident_copy import IncidentCopy
from receiver.store.incidents.stored_records import packed
from tests.incident.fixtures import NOW, alert, decision
from tests.pipeline.open_incidents.test_incident_cache import one as summary
from tests.store.fixtures import LEASE, MS, NUMBER, opening

RECORD = packed(fired(alert("HighErrorRate"), decision(2), to_ms(NOW))).decode()


def records(count: int) -> dict[str, str]:
    """Return that many alert records with different texts."""
    return {f"{number:016x}": RECORD + " " * (number % 2) for number in range(count)}


class Memory:
    """A fake store of copies."""

    def __init__(self) -> None:
        self.stored: dict[str, IncidentCopy] = {}
        self.read: list[tuple[tuple[str, ...], bool]] = []

    def put(self, uid: str, alerts: dict[str, str], *, version: int = 1, state: str = "open") -> IncidentSummary:
        bodies: dict[str, str | bytes] = dict.fromkeys(alerts, '{"labels": {}}')
        text = orjson.dumps({"state": state}).decode()
        self.stored[uid] = IncidentCopy(uid, f"INC-{uid}", version, text, ["{}"], dict(alerts), bodies)
        return summary(uid, version=version, firing=len(alerts))

    async def copies(self, uids: Sequence[str], *, lean: bool = False) -> list[IncidentCopy]:
        self.read.append((tuple(uids), lean))
        found = [self.stored[uid] for uid in uids if uid in self.stored]
        return [
            IncidentCopy(
                one.uid, one.id, one.version, one.state, one.events, dict(one.alerts),
                {} if lean else dict(one.bodies), lean,
            )
            for one in found
        ]  # fmt: skip


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def copies(memory: Memory) -> IncidentCopies:
    return IncidentCopies(memory)  # type: ignore[arg-type]


async def read(copies: IncidentCopies, *summaries: IncidentSummary) -> None:
    for one in summaries:
        copies.changed(one)
    for _ in range(len(summaries)):
        await copies.read()
        await copies.read_lean()


async def test_one_with_many_alerts_is_kept_without_what_they_say(copies: IncidentCopies, memory: Memory) -> None:
    await read(copies, memory.put("a", records(3)), memory.put("b", records(LARGEST + 1)))
    small, large = copies.get("a"), copies.get("b")
    assert small is not None and large is not None
    assert (small.lean, len(small.bodies)) == (False, 3)
    assert (large.lean, len(large.alerts), large.bodies) == (True, LARGEST + 1, {})
    assert memory.read == [(("a",), False), (("b",), True)], "its bodies are not read"
    assert copies.uids() == ["a", "b"]


async def test_once_it_has_few_again_it_is_read_whole(copies: IncidentCopies, memory: Memory) -> None:
    await read(copies, memory.put("a", records(LARGEST + 1)))
    await read(copies, memory.put("a", records(2), version=2))
    assert copies.waiting
    await copies.read()
    found = copies.get("a")
    assert found is not None
    assert (found.lean, len(found.bodies), copies.waiting) == (False, 2, False)


async def test_what_changes_while_it_is_read_is_read_again(copies: IncidentCopies, memory: Memory) -> None:
    copies.changed(memory.put("a", records(1)))
    plain = memory.copies

    async def overtaken(uids: Sequence[str], *, lean: bool = False) -> list[IncidentCopy]:
        found = await plain(uids, lean=lean)
        copies.changed(memory.put("a", records(2), version=2))
        return found

    memory.copies = overtaken  # type: ignore[method-assign]
    await copies.read()
    memory.copies = plain  # type: ignore[method-assign]
    assert copies.waiting
    await copies.read()
    found = copies.get("a")
    assert found is not None and found.version == 2


async def test_all_of_it_stays_within_its_memory(copies: IncidentCopies, memory: Memory) -> None:
    shared = records(10_000)
    await read(copies, *(memory.put(f"small {number}", records(20)) for number in range(40)))
    await read(copies, *(memory.put(f"large {number}", shared) for number in range(30)))
    assert copies.size <= BYTES
    kept = copies.uids()
    assert {f"small {number}" for number in range(40)} <= set(kept), "a large incident does not displace small ones"
    assert "large 29" in kept
    sizes = [copy.size for uid in kept if (copy := copies.get(uid)) is not None and copy.lean]
    assert LEAN_BYTES // 2 < sum(sizes) <= BYTES
    await read(copies, memory.put("huge", records(60_000)))
    assert copies.get("huge") is None


async def test_what_is_over_is_given_up_before_what_is_open(
    copies: IncidentCopies, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incident_copies, "BYTES", 20_000)
    await read(copies, memory.put("over", records(20), state="resolved"))
    await read(copies, *(memory.put(f"open {number}", records(20)) for number in range(2)))
    assert copies.uids() == ["open 0", "open 1"]


async def test_its_size_is_what_it_takes(copies: IncidentCopies, memory: Memory) -> None:
    found = memory.put("a", {})
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        memory.stored["a"].alerts = {f"{number:016x}": RECORD + " " * (number % 7) for number in range(5000)}
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    await read(copies, found._replace(firing=5000))
    assert 0.7 < copies.size / (after - before) < 1.5


def test_the_texts_that_a_commit_leaves_here_take_their_own_size() -> None:
    given = [alert("HighErrorRate") for _ in range(200)]
    tracemalloc.start()
    try:
        kept = [(packed(fired(one, decision(2), to_ms(NOW))), alert_body(one)) for one in given]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # With each text in the buffer that it was written into, this would be 8 KB a pair.
    assert taken < sum(len(record) + len(body) + 300 for record, body in kept)


def test_what_this_replica_commits_takes_its_size(copies: IncidentCopies) -> None:
    changes = [opening(alerts=2) for _ in range(100)]
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for change in changes:
            sent = script_arguments(
                change, floor=0, mark=None, epoch="", prefix="", ttl_s=1, now_ms=MS, lease_ms=LEASE, token="t",
                number=NUMBER,
            )  # fmt: skip
            copies.committed(change, sent, "INC-1", 1)
        del sent
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(copies) == 100
    assert 0.5 < copies.size / (after - before) < 1.5
