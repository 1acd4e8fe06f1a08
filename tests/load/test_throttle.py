"""The throttle of the load tests gives a process the requested share of the CPU, and then the whole CPU again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.load.throttle import Throttle

TICKS = os.sysconf("SC_CLK_TCK")


def state(pid: int) -> str:
    """Return the state letter of a process: R, S, T ..."""
    return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]


def stopped_for(pid: int, seconds: float) -> float:
    """Return the share of the time in which the process was stopped, by frequent sampling."""
    end, looks, stopped = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        looks += 1
        stopped += state(pid) == "T"
        time.sleep(0.001)
    return stopped / looks


@pytest.fixture
def busy() -> Iterator[subprocess.Popen[bytes]]:
    """A process that would use a whole core."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize(("share", "period"), [(0.25, 0.1), (0.5, 0.1), (0.1, 1.0)])
def test_it_runs_for_its_share_of_the_time(busy: subprocess.Popen[bytes], share: float, period: float) -> None:
    with Throttle(busy.pid, share, period):
        found = stopped_for(busy.pid, 2.0)
    assert found == pytest.approx(1 - share, abs=0.12)
    assert state(busy.pid) == "R"
    assert stopped_for(busy.pid, 0.3) == 0


def test_a_process_that_ends_ends_the_throttle(busy: subprocess.Popen[bytes]) -> None:
    with Throttle(busy.pid, 0.5):
        busy.kill()
        busy.wait()
    assert busy.returncode < 0


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5])
def test_a_share_that_is_none_is_refused(busy: subprocess.Popen[bytes], share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Throttle(busy.pid, share)
