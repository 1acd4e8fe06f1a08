"""The monitor's own round trips decide whether the store is away, with hysteresis in both directions."""

from __future__ import annotations

import itertools

import pytest

from receiver.pipeline.store_outage.store_monitor import StoreState
from receiver.store.client.store_errors import Overloaded, StoreAway, StoreSlow, StoreUnreachable
from tests.stories.world import World

PROBE, REQUEST, GOOD = "probe failed", "request failed", "probe answered"


def after(*results: str) -> StoreState:
    state = StoreState()
    for result in results:
        state = state.answered() if result == GOOD else state.failed(probe=result == PROBE)
    return state


@pytest.mark.parametrize(
    ("results", "away"),
    [
        ((), False),
        ((PROBE,), False),
        ((PROBE, PROBE), True),
        ((REQUEST,) * 50, False),
        ((REQUEST, PROBE), True),
        ((PROBE, REQUEST), True),
        ((REQUEST, GOOD, PROBE), False),
        ((PROBE, GOOD, PROBE, GOOD, PROBE), False),
        ((PROBE, PROBE, GOOD), True),
        ((PROBE, PROBE, GOOD, GOOD), False),
        ((PROBE, PROBE, GOOD, PROBE, GOOD), True),
        ((PROBE, PROBE, GOOD, REQUEST, GOOD), False),
        ((PROBE, PROBE, REQUEST, REQUEST, GOOD, REQUEST, GOOD), False),
        ((PROBE, PROBE, GOOD, PROBE, GOOD, GOOD), False),
    ],
)
def test_two_strikes_with_a_probe_among_them_and_two_good_probes(results: tuple[str, ...], away: bool) -> None:
    assert after(*results).away is away


def test_no_history_of_requests_alone_ends_or_begins_an_absence() -> None:
    for history in itertools.product((PROBE, REQUEST, GOOD), repeat=6):
        state = after(*history)
        assert after(*history, REQUEST, REQUEST).away is (state.away or state.probed)
        if not state.away:
            assert not after(*history, GOOD).away


async def test_overload_says_nothing_about_the_store(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = (await world.open()).one

    async def overloaded(limit: float) -> None:
        raise Overloaded("every connection is in use")

    monkeypatch.setattr(one.monitor.probe, "round_trips", overloaded)
    for _ in range(10):
        await one.monitor.check()
        one.monitor.failed(Overloaded("queue"))
    assert not one.monitor.away
    assert one.metrics.registry.get_sample_value("receiver_store_up") == 1


@pytest.mark.parametrize("condition", [StoreSlow("1.6 s"), StoreUnreachable("refused")])
async def test_it_goes_away_and_comes_back_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch, condition: StoreAway
) -> None:
    one = (await world.open()).one
    called: list[object] = []
    one.monitor.came_back.append(called.append)

    async def failing(limit: float) -> None:
        raise condition

    with monkeypatch.context() as patched:
        patched.setattr(one.monitor.probe, "round_trips", failing)
        await one.monitor.check()
        assert (one.monitor.away, one.monitor.suspect) == (False, True)
        await one.monitor.check()
        assert one.monitor.away
        assert one.metrics.registry.get_sample_value("receiver_store_up") == 0
    await one.monitor.check()
    assert one.monitor.away, "one good probe may be luck"
    await one.monitor.check()
    assert not one.monitor.away
    assert one.metrics.registry.get_sample_value("receiver_store_up") == 1
    assert called == [world.clock.now()]


async def test_what_was_known_before_the_process_stood_still_has_to_be_found_out_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, still = (await world.open()).one, [0.0]
    monitor = one.monitor
    monitor.stood_still_until = lambda: still[0]

    async def unreachable(limit: float) -> None:
        raise StoreUnreachable("cut")

    with monkeypatch.context() as patch:
        patch.setattr(one.monitor.probe, "round_trips", unreachable)
        for _ in range(2):
            world.clock.forward("1s")
            await monitor.check()
        assert (monitor.surely_away, monitor.surely_gone, one.pages.doubtful()) == (True, True, False)
        world.clock.forward("20s")
        still[0] = world.clock.monotonic()
        assert (monitor.away, monitor.surely_away, monitor.surely_gone, one.pages.doubtful()) == (
            True, False, False, True
        )  # fmt: skip
        world.clock.forward("1s")
        await monitor.check()
        assert (monitor.surely_away, one.pages.doubtful()) == (True, False)
    still[0] = world.clock.monotonic()
    for _ in range(2):
        world.clock.forward("1s")
        await monitor.check()
    assert (monitor.away, one.pages.doubtful()) == (False, False)
