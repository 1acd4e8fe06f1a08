"""With a store whose round trips take most of a lease, the replica that has leased a page still sends it."""

from __future__ import annotations

import pytest

from tests.page_outcomes import unended
from tests.simulation.checker import check_run
from tests.simulation.fault_schedule import Fault, Group, Schedule, Spell
from tests.simulation.run import play

GROUPS = tuple(
    Group(f"Probe{number}", number % 2 == 1, ((Spell(12.0 + 3 * number, 60.0),),), gossip=True) for number in (1, 2, 3)
)
DEAF = Fault("store of b", "deaf", 10.0, 50.0)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("others", [(), (DEAF,)], ids=["both", "one"])
def test_nothing_is_lost_and_nothing_twice(valkey: str, seed: int, others: tuple[Fault, ...]) -> None:
    slow = Fault("store", "slow", 7.0, 50.0, 0.6)
    verdict = check_run(play(Schedule(seed, 3.0, GROUPS, (slow, *others)), valkey))
    assert verdict.breaches == []
    assert verdict.judged == 5
    assert unended(valkey) == []
