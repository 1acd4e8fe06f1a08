"""Quotas of vendors hold whatever the storm: nothing is lost, the last state arrives, pages go first."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from receiver.model.quota import Quota
from receiver.store.connection import Connection
from receiver.store.pace import Pace
from tests.fakes.statuspage import KEY
from tests.stories.world import World, alert, notification

COUNT = 40


async def opened(world: World, replicas: int = 2, **env: str) -> None:
    """Open replicas that keep to the quotas, and hold nothing back as a storm."""
    await world.site.start()
    for _ in range(replicas):
        made = await world.replica(paced=True, **env)
        ingest = made.config.ingest
        storm = ingest.storm.model_copy(update={"incidents": 100_000})
        made.apply(made.config.model_copy(update={"ingest": ingest.model_copy(update={"storm": storm})}))


async def test_a_storm_of_incidents_keeps_to_one_message_a_second(world: World) -> None:
    await opened(world)
    sent: list[float] = []
    act = world.slack.act

    def timed(request, body, raw):  # type: ignore[no-untyped-def]
        if request.match_info["method"] == "chat.postMessage":
            sent.append(world.clock.now().timestamp())
        return act(request, body, raw)

    world.slack.act = timed  # type: ignore[method-assign]
    for number in range(COUNT):
        labels = {"n": str(number)}
        await world.post(notification(alert("AuthFailing", labels=labels), group=f"g{number}"), to=number % 2)
    assert len(world.rung()) == COUNT, "pages are within their own quota, and wait for no chat"
    for number in range(COUNT):
        await world.post(
            notification(alert("AuthFailing", firing=False, labels={"n": str(number)}), group=f"g{number}")
        )
    quota = timedelta(minutes=COUNT * 60 / 55 / 60)
    end = world.clock.now() + quota * 1.2
    while world.clock.now() < end:
        world.clock.forward(timedelta(milliseconds=250))
        await world.quiet()
    assert len(world.slack.parents) == COUNT
    # What was overtaken was never sent: the message says how it stands now.
    assert all("is monitoring" in message["text"] for message in world.slack.parents)
    assert min(later - earlier for earlier, later in pairwise(sent)) >= 1.0


async def test_a_routing_key_has_no_more_than_120_events_a_minute(world: World) -> None:
    await opened(world, 1)
    sent: list[float] = []
    act = world.pagerduty.act

    def timed(request, body, raw):  # type: ignore[no-untyped-def]
        sent.append(world.clock.now().timestamp())
        return act(request, body, raw)

    world.pagerduty.act = timed  # type: ignore[method-assign]
    for number in range(150):
        await world.post(notification(alert("AuthFailing", labels={"n": str(number)}), group=f"g{number}"))
    for _ in range(720):
        world.clock.forward(timedelta(milliseconds=250))
        await world.quiet()
    assert len(set(world.sent())) == 150
    assert max(sum(at <= other < at + 60 for other in sent) for at in sent) <= 120


async def test_the_public_page_gets_a_request_a_second(world: World) -> None:
    await opened(world, STATUSPAGE_KEY=KEY)
    asked: list[float] = []
    handle = world.page._run

    def timed(request, body, keep):  # type: ignore[no-untyped-def]
        asked.append(world.clock.now().timestamp())
        return handle(request, body, keep)

    world.page._run = timed  # type: ignore[method-assign]
    for number in range(COUNT):
        labels = {"n": str(number)}
        await world.post(notification(alert("ApiDown", labels=labels), group=f"g{number}"), to=number % 2)
    end = world.clock.now() + timedelta(seconds=COUNT * 1.2)
    while world.clock.now() < end:
        world.clock.forward(timedelta(milliseconds=500))
        await world.quiet()
    assert len(world.page.incidents) == COUNT, "the last state is there within the quota's time and a fifth"
    for number in range(COUNT):
        labels = {"n": str(number)}
        await world.post(notification(alert("ApiDown", firing=False, labels=labels), group=f"g{number}"))
    end = world.clock.now() + timedelta(seconds=2 * COUNT * 1.2)
    while world.clock.now() < end:
        world.clock.forward(timedelta(milliseconds=500))
        await world.quiet()
    assert {one["status"] for one in world.page.incidents.values()} == {"monitoring"}
    assert max(sum(at <= other < at + 60 for other in asked) for at in asked) <= 60


async def test_what_ends_pages_leaves_room_for_what_begins_them(store_url: str) -> None:
    connection = Connection(store_url, "pace")
    pace = Pace(connection)
    ends = Quota(name="key", per_minute=60, burst=10, kept=5)
    begins = Quota(name="key", per_minute=60, burst=10)
    drawn = [await pace.draw("pager", [ends], 1_000_000) for _ in range(8)]
    assert drawn == [0, 0, 0, 0, 0, 0, 1000, 2000]
    assert [await pace.draw("pager", [begins], 1_000_000) for _ in range(4)] == [0, 0, 0, 1000]
    assert await pace.draw("pager", [Quota(name="other", per_minute=60, burst=0)], 1_000_000) == 0
    assert await pace.draw("pager", [begins], 1_000_000 + 60_000) == 0
    await connection.close()
