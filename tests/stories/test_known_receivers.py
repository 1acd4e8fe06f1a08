"""Names of Alertmanager's receivers: those that open incidents are stored, and unknown names do not displace others."""

from __future__ import annotations

import pytest

from receiver.pipeline.intake import known_receivers
from receiver.store import alertmanager_receivers
from tests.stories.world import World, alert, notification


async def kept(world: World) -> set[str]:
    return await world.one.intake.known_receivers.receivers.names()


async def test_a_name_that_opened_nothing_is_not_kept(world: World) -> None:
    await world.open()
    await world.post(notification(alert(firing=False), receiver="nothing-open"))
    await world.post(notification(alert("Watchdog"), receiver="beats"))
    assert await kept(world) == set()
    await world.post(notification(alert("IntegrationDown"), receiver="incidents", group="other"))
    assert await kept(world) == {"incidents"}


async def test_a_strangers_names_keep_no_real_one_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_receivers, "MOST", 5)
    monkeypatch.setattr(alertmanager_receivers, "MOST_RECEIVERS", 8)
    await world.open()
    for number in range(12):
        made = alert("DataLag", labels={"instance": f"i{number}"})
        await world.post(notification(made, receiver=f"made-up-{number}", group=f"g{number}"))
    await world.post(notification(alert("IntegrationDown"), receiver="incidents", group="real"))
    found = await kept(world)
    assert "incidents" in found
    assert len(found) <= 8


async def test_a_store_that_lost_its_memory_hears_the_names_again(world: World) -> None:
    await world.open()
    await world.post(notification(alert(), receiver="incidents"))
    async with world.one.connection.guarded() as client:
        await client.delete(world.one.connection.keys.named("receivers"))
    await world.one.intake.store_again()
    assert await kept(world) == {"incidents"}
