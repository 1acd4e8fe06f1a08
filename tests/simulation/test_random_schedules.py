"""Random schedules of two replicas: no page is lost, duplicate, needless, resolved too early, or stuck.

`SCHEDULES=300 pytest tests/simulation` runs so many, `SCHEDULE_SEED=n` the schedule of one seed, and `SCHEDULE_LOG=1`
shows the log of both replicas with the seconds since the beginning. A seed always gives the same schedule; the order of
events within a millisecond depends on the store's process.
"""

from __future__ import annotations

import os

import pytest

from tests.faults.waiting import say
from tests.page_outcomes import unended
from tests.simulation.checker import check_run
from tests.simulation.fault_schedule import make
from tests.simulation.run import play

SEED = os.environ.get("SCHEDULE_SEED")
COUNT = int(os.environ.get("SCHEDULES", "20"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [int(SEED)] if SEED else range(COUNT))
def test_a_schedule_breaks_no_promise(valkey: str, seed: int) -> None:
    schedule = make(seed)
    say(str(schedule))
    verdict = check_run(play(schedule, valkey))
    say(f"{verdict.judged} spells judged, {verdict.pages} pages, {verdict.untold} ends never reported")
    assert verdict.breaches == []
    assert unended(valkey) == [], "pages of a log that have neither ended nor are pending"
