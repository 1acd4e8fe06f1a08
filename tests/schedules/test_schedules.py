"""Random schedules of two replicas: no page is lost, duplicate, needless, resolved too early, or stuck.

`SCHEDULES=300 pytest tests/schedules` runs so many, `SCHEDULE_SEED=n` the schedule of one seed, and `SCHEDULE_LOG=1`
shows the log of both replicas with the seconds since the beginning. A seed always gives the same schedule; the order of
events within a millisecond depends on the store's process.
"""

from __future__ import annotations

import os

import pytest

from tests.faults.waiting import say
from tests.page_ends import unended
from tests.schedules.judge import judge
from tests.schedules.run import play
from tests.schedules.schedule import make

SEED = os.environ.get("SCHEDULE_SEED")
COUNT = int(os.environ.get("SCHEDULES", "20"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [int(SEED)] if SEED else range(COUNT))
def test_a_schedule_breaks_no_promise(valkey: str, seed: int) -> None:
    schedule = make(seed)
    say(str(schedule))
    verdict = judge(play(schedule, valkey))
    say(f"{verdict.judged} spells judged, {verdict.pages} pages, {verdict.untold} ends never reported")
    assert verdict.breaches == []
    assert unended(valkey) == [], "pages of a log that have neither ended nor are pending"
