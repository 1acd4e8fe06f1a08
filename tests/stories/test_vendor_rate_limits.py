"""Five hundred incidents at once, at every vendor: no quota is exceeded, nothing is lost, pages of SEV-1 go first."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from receiver.channels.slack.settings import IncidentChannels
from receiver.model.alert.alert import parse_notification
from receiver.model.base import from_ms
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from tests.fakes import jira as fake_jira
from tests.fakes.statuspage import KEY
from tests.stories.world import World, alert, notification

ROOMS = (Severity.SEV1,)
"""Severities whose incidents get their own channel."""
KINDS: tuple[tuple[int, dict[str, Any]], ...] = (
    (40, {"name": "ApiDown"}),
    (260, {"name": "AuthFailing"}),
    (100, {"name": "DataDelay"}),
    (100, {"name": "DashboardSlow", "labels": {"severity": "info"}}),
)
"""Numbers of SEV-1, SEV-2, SEV-3 and SEV-4."""
GRAVE = {KINDS[0][1]["name"]}
MILDER = {kind["name"] for _, kind in KINDS[1:]}


def mixed() -> list[dict[str, Any]]:
    """Return the alert of each incident, with severities evenly mixed."""
    spread = [((n + 0.5) / count, kind) for count, kind in KINDS for n in range(count)]
    return [kind for _, kind in sorted(spread, key=lambda one: one[0])]


async def opened(world: World) -> None:
    """Open two replicas that respect the quotas of vendors, which enforce them; nothing is held as a storm."""
    await world.site.start()
    site = world.site.url
    for _ in range(2):
        made = await world.replica(
            paced=True, rooms=True, STATUSPAGE_KEY=KEY, JIRA_URL=site, JIRA_USER=fake_jira.USER,
            JIRA_TOKEN=fake_jira.TOKEN, CONFLUENCE_URL=f"{site}/wiki",
        )  # fmt: skip
        config = made.config
        chat = config.channels["chat"].model_copy(update={"incident_channels": IncidentChannels(severities=ROOMS)})
        storm = config.ingest.storm.model_copy(update={"incidents": 100_000})
        changed = {
            "ingest": config.ingest.model_copy(update={"storm": storm}),
            "verification": config.verification.model_copy(update={"checks": ()}),
            "links": config.links.model_copy(update={"github": None}),
            "channels": {**config.channels, "chat": chat},
            "incidents": config.incidents.model_copy(update={"monitor_for": timedelta(seconds=10)}),
        }
        made.apply(config.model_copy(update=changed))
    for vendor in world.site.vendors:
        vendor.clock = lambda: world.clock.now().timestamp()


async def told(world: World, names: set[str], *, firing: bool) -> None:
    """Let every alert with these names fire, or end, within ten seconds."""
    for number, kind in enumerate(mixed()):
        if kind["name"] not in names:
            continue
        labels = {**kind.get("labels", {}), "n": str(number)}
        body = notification(alert(**{**kind, "labels": labels}, firing=firing), group=f"g{number}")
        await world.replicas[number % 2].intake.accept(parse_notification(body), world.clock.now())
        world.clock.forward(timedelta(milliseconds=20))
        if number % 25 == 0:
            await world.quiet()


async def passed(world: World, time: timedelta) -> None:
    """Move the clock by `time`, from one due time to the next."""
    with suppress(Owed):
        await drained(world, time)
    world.clock.forward(timedelta(seconds=1))
    await world.quiet()


class Owed(AssertionError):
    """Something is still due."""


async def drained(world: World, most: timedelta) -> None:
    """Move the clock from one due time to the next, until nothing is due. Raises Owed."""
    end = world.clock.now() + most
    while world.clock.now() < end:
        beat = await world.one.due.beat(0, round(world.clock.now().timestamp() * 1000))
        if not beat.depth:
            return
        due = from_ms(beat.oldest_ms) if beat.oldest_ms else end
        step = min(max(due - world.clock.now(), timedelta(milliseconds=100)), timedelta(seconds=5))
        world.clock.forward(step)
        await world.quiet()
    raise Owed(f"something is still due after {most}")


@pytest.mark.timeout(900)
async def test_five_hundred(world: World) -> None:
    await opened(world)
    began = world.clock.now().timestamp()
    await told(world, GRAVE | MILDER, firing=True)
    await told(world, MILDER, firing=False)
    # Severe incidents last long enough that people meet in their channel.
    await passed(world, timedelta(minutes=3))
    await told(world, GRAVE, firing=False)
    await world.forward("15s")
    ended = world.clock.now().timestamp()
    # One of the two replicas continues with everything.
    other = world.replicas.pop()
    await other.settle()
    await other.close()
    await drained(world, timedelta(minutes=30))
    assert {vendor.name: vendor.too_fast for vendor in world.site.vendors if vendor.too_fast} == {}
    assert await world.one.due.letters.all() == {}
    for vendor in world.site.vendors:
        # Queries to Jira for changes each minute are not deliveries of state.
        sent = [entry["at"] for entry in vendor.taken if not entry["path"].endswith("/jql")]
        assert max(sent, default=began) - ended <= 20 + vendor.least_time * 1.2, vendor.name

    incidents = await world.incidents()
    assert Counter(one.severity for one in incidents) == dict(zip(Severity, (count for count, _ in KINDS), strict=True))
    rung: dict[str, float] = {}
    for entry in world.pagerduty.taken:
        if entry["body"]["event_action"] == "trigger":
            rung.setdefault(entry["body"]["dedup_key"], entry["at"])
    for one in (one for one in incidents if one.severity is Severity.SEV1):
        assert len(one.pages) == 2
        assert all(rung[page.key] - one.opened_at.timestamp() <= 3 for page in one.pages)
    # Pages that ended before their turn were never sent; every page that was sent got its resolve.
    assert {alert["status"] for alert in world.pagerduty.alerts.values()} == {"resolved"}
    assert len(world.slack.parents) == len(incidents)
    assert all("is resolved" in message["text"] for message in world.slack.parents)
    assert len(world.slack.rooms) == KINDS[0][0]
    assert len(world.page.incidents) == KINDS[0][0]
    assert {one["status"] for one in world.page.incidents.values()} == {"resolved"}
    assert len(world.jira.issues) == KINDS[3][0]
    assert len(world.confluence.pages) == KINDS[0][0] + KINDS[1][0], "each of SEV-1 and SEV-2 has its post-mortem"
    assert {one.state for one in incidents} == {State.RESOLVED}
