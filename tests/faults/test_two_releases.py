"""The previous release and this one on one store, while one replaces the other, in either direction."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.faults.earlier_release import HistoryMissing, extract
from tests.faults.programs import ROOT
from tests.faults.sender import ALICE, LEAD, Probe
from tests.faults.stage import Stage, vendors_and_store
from tests.faults.waiting import until

OLD, NEW = 0, 1
VP = "c" * 32
"""Routing key of the person whom the escalation of a SEV-1 pages."""
STEP = 4.0
"""Seconds until that step."""
STORM = 8

QUOTA = 100
"""Seconds until the pager's quota, mostly used by the storms, allows all pages."""


@dataclass(frozen=True)
class Escalating(Probe):
    """A SEV-1 that lasts until its escalation has paged the next person."""

    @property
    def pages(self) -> tuple[str, ...]:
        return (ALICE, LEAD, VP)


def soon(content: dict[str, Any]) -> None:
    """Make the escalation of a SEV-1 page the next person within seconds."""
    content["escalations"]["sev-1"]["steps"] = [{"after": f"{STEP:g}s", "page": ["vp-engineering"]}]
    content["people"]["vp-eng"]["pager"] = VP


SLOW_STORE = "StoreAway: TimeoutError"
"""The earlier release logs a step whose command exceeded its time limit as an error, and repeats it. A busy machine is
enough for that; this release must not do it."""


def mistakes(log: Path) -> list[str]:
    """Return the lines of a replica's log that report a failure."""
    lines = log.read_text("utf-8").splitlines()
    levels = [json.loads(line).get("level") if line.startswith("{") else "no JSON" for line in lines]
    return [line for line, level in zip(lines, levels, strict=True) if level not in ("debug", "info", "warning")]


async def storm(made: Stage, gone: int) -> list[Probe]:
    """Let many alerts fire at once, half of them at each replica; one replica is killed while it opens the last."""
    probes: list[Probe] = [made.sender.probe() for _ in range(STORM)]
    sent = asyncio.gather(*(made.sender.deliver(probe) for probe in probes))
    await until(lambda: any(made.triggers(probe) for probe in probes), "the first page of the storm")
    lasting = Escalating(**vars(made.sender.probe(severe=True)))
    await made.sender.deliver(lasting, to=gone)
    await made.kill(gone)
    assert VP not in {entry["body"]["routing_key"] for entry in made.triggers(lasting)}, "its step is the other's to do"
    await sent
    probes.append(lasting)
    for probe in probes:
        await made.paged(probe)
    return probes


async def acknowledged(made: Stage, number: str, by: int) -> None:
    """Acknowledge an incident at a replica, and wait until the pager has the acknowledgement."""
    before = len(answers(made))
    await made.post(f"/api/v1/incidents/{number}/acknowledge", {}, by)
    await until(lambda: len(answers(made)) > before, "the acknowledgement of the page")


def answers(made: Stage) -> list[str]:
    """Return the page keys that were acknowledged at the vendor, in order."""
    bodies = [entry["body"] for entry in made.fakes.entries() if entry["vendor"] == "pagerduty"]
    return [body["dedup_key"] for body in bodies if body["event_action"] == "acknowledge"]


async def flaps(made: Stage, *at: int) -> None:
    """Let an alert fire and end in turn at the replicas `at`; its last page is open or resolved like the alert."""
    number, starts = made.sender.probe().number, datetime.now(UTC)
    for turn, replica in enumerate(at):
        firing = turn % 2 == 0
        starts = datetime.now(UTC) if firing else starts
        body, url = Probe(number, False, starts).body(firing=firing), made.services[replica].url
        await told(made, url, body)
        wanted = turn // 2 + 1

        def done(firing: bool = firing, wanted: int = wanted) -> bool:
            pages = pages_of(made, number)
            calls = [actions[-1] == "trigger" for actions in pages.values()]
            return len(pages) == wanted and sum(calls) == firing

        await until(done, f"the page of turn {turn} of an alert that flaps at {at}: {pages_of(made, number)}", QUOTA)
        if firing:
            # The previous release forgets that it sent a page if its incident changes before the receipt is written.
            await until(
                lambda: written_down(made, number), f"that the receipt of the page of turn {turn} is stored", QUOTA
            )

    def over() -> bool:
        return all(actions[-1] == "resolve" for actions in pages_of(made, number).values())

    await until(over, f"the resolve of every page of an alert that flapped at {at}", QUOTA)


async def told(made: Stage, url: str, body: bytes) -> None:
    """Post a notification to a replica as Alertmanager does: after a 503 it comes again."""

    async def taken() -> bool:
        async with made.sender.session.post(f"{url}/webhooks/alertmanager", data=body) as answer:
            assert answer.status in (200, 503), await answer.text()
            return answer.status == 200

    await until(taken, "a notification to be taken")


def written_down(made: Stage, number: int) -> bool:
    """Return whether the store has the receipt of a probe's open page."""
    key = next(key for key, actions in pages_of(made, number).items() if actions[-1] == "trigger")
    client = redis.Redis.from_url(made.store_url(0), decode_responses=True)
    try:
        rows = client.scan_iter(f"{{receiver}}:row:*{key}", count=1000)
        return any('"sent":"trigger"' in (client.hget(row, "memory") or "").replace(" ", "") for row in rows)
    finally:
        client.close()


def pages_of(made: Stage, number: int) -> dict[str, list[str]]:
    """Return the actions on each page of a probe at the vendor, in order, by page key."""
    found: dict[str, list[str]] = {}
    for entry in made.fakes.entries():
        body = entry.get("body")
        if entry["vendor"] != "pagerduty" or not entry["taken"]:
            continue
        summary = body.get("payload", {}).get("summary", "")
        if re.search(rf"Probe{number}\b", summary) or body["dedup_key"] in found:
            found.setdefault(body["dedup_key"], []).append(body["event_action"])
    return found


async def handed_over(made: Stage, *, gone: int, left: int) -> list[Probe]:
    """Open incidents at one replica, kill it during a storm, and check that the other continues with them."""
    taken = made.sender.probe()
    answer = await made.sender.deliver(taken, to=gone)
    await made.paged(taken)
    probes = await storm(made, gone)
    await acknowledged(made, answer["said"]["incident"], left)
    await made.start(gone)
    return [taken, *probes]


@pytest.mark.timeout(600)
async def test_each_goes_on_with_what_the_other_has_begun(tmp_path: Path) -> None:
    earlier = extract(tmp_path / "earlier")
    async with vendors_and_store(tmp_path / "run") as (store, fakes):
        made = Stage(tmp_path / "run", store, fakes, plain=True, homes=(earlier, ROOT))
        try:
            await made.open(2, change=soon)
            assert ["tasks" in await made.get("/healthz", one) for one in (OLD, NEW)] == [False, True], "two releases"
            probes = await handed_over(made, gone=OLD, left=NEW)
            probes += await handed_over(made, gone=NEW, left=OLD)
            await ended(made, probes)
            await made.settled()
            await asyncio.gather(flaps(made, NEW, NEW, NEW, OLD), flaps(made, OLD, OLD, NEW, NEW))
            await over(made)
        finally:
            await made.end()
        old, new = (mistakes(made.services[one].log) for one in (OLD, NEW))
        assert [line for line in old if SLOW_STORE not in line] == []
        assert new == []


async def ended(made: Stage, probes: Sequence[Probe]) -> None:
    """End every alert, half of them at each replica."""
    await asyncio.gather(*(made.sender.deliver(probe, firing=False) for probe in probes))


async def over(made: Stage) -> None:
    """Wait until both replicas list the same incidents, all of them resolved."""

    async def agree() -> bool:
        old, new = await made.incidents(OLD), await made.incidents(NEW)
        states = {one["state"] for one in (*old, *new)}
        return states == {"resolved"} and [one["id"] for one in old] == [one["id"] for one in new]

    await until(agree, "the same incidents at both replicas, all resolved", QUOTA)
    for one in await made.incidents(OLD):
        told = [(await made.get(f"/api/v1/incidents/{one['id']}/timeline", number))["items"] for number in (OLD, NEW)]
        # The earlier release reads an unknown kind as a note.
        kinds = {"seen_before": "note"}
        events = [
            [(event["seq"], kinds.get(event["kind"], event["kind"]), event["reason"]) for event in items]
            for items in told
        ]
        assert events[OLD] == events[NEW] != []


@pytest.mark.parametrize("repository", [True, False])
def test_a_clone_without_the_history_says_what_to_do(tmp_path: Path, repository: bool) -> None:
    if repository:
        subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    with pytest.raises(HistoryMissing, match="git fetch --unshallow"):
        extract(tmp_path / "earlier", root=tmp_path)
