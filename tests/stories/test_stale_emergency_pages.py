"""A disconnected replica pages under a key whose page has ended since: its adoption resolves it again."""

from __future__ import annotations

import pytest

from receiver.model.alert.alert import parse_notification
from receiver.model.base import rfc3339
from tests.stories.world import World, alert, notification

NAME = "AuthFailing"


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("resolved", [False, True], ids=["withdrawn", "of a previous ring"])
async def test_a_key_that_rings_again_after_its_resolve_is_resolved(
    world: World, accepted: bool, resolved: bool
) -> None:
    await world.open(replicas=2)
    await world.post(notification(alert(NAME)))
    (before,) = await world.incidents()
    await world.post(notification(alert(NAME, firing=False)))
    await world.forward("20m" if resolved else "2m")
    again = notification(alert(NAME, starts=rfc3339(world.clock.now())))
    await world.post(again)
    first, second = world.sent()
    assert first != second
    # The pages that the second replica sent while it was disconnected, based on its memory.
    (page,) = before.pages
    event = next(entry["body"] for entry in world.pagerduty.taken if entry["body"]["dedup_key"] == first)
    world.pagerduty._apply(event)
    assert len(world.pagerduty.open()) == 2
    told = parse_notification(again)
    adopted = {before.key: [(page.model_copy(update={"step": "emergency"}), accepted)]}
    await world.replicas[1].intake.accept(told, world.clock.now(), released=True, adopted=adopted)
    await world.quiet()
    assert [key for _, key in world.pagerduty.open()] == [second]
    assert world.sent() == [first, second], "and nobody is paged for it"
