"""The cost of looking up who is on call, compared with adding a duration to a datetime."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from receiver.incident.oncall.on_call_shift import Roster
from receiver.model.oncall.schedule_settings import Schedule

COUNT = 10_000
START = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(days=365) / COUNT
PLAIN = {"handoff": "Monday 09:00", "timezone": "Europe/Berlin", "starts": date(2025, 11, 3), "people": ["a", "b", "c"]}
LAYERED = PLAIN | {
    "layers": [
        {"rotation": "daily", "people": ["c", "a"], "only": [{"from": "22:00", "to": "06:00"}]},
        {"people": ["d"], "only": [{"days": ["sat", "sun"]}]},
    ],
    "overrides": [{"person": "b", "from": "2026-12-24", "until": "2026-12-26"}],
}


def seconds(act: Callable[[datetime], object]) -> float:
    """Return the CPU seconds of one call for each time in a year."""
    moments = [START + STEP * number for number in range(COUNT)]
    began = time.process_time()
    for moment in moments:
        act(moment)
    return time.process_time() - began


def pairs(settings: dict[str, object], rounds: int) -> list[tuple[float, float]]:
    """Return, for each round, the seconds of look-ups in a schedule without cached shifts, and of additions."""
    schedule = Schedule.model_validate(settings)
    return [(seconds(Roster(schedule).at), seconds(lambda moment: moment + STEP)) for _ in range(rounds)]
