"""A loop that hangs ends the process; a process that was stopped does not."""

from __future__ import annotations

import asyncio
import math
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from receiver.clock import Clock, FakeClock
from receiver.model.alert.sender import ANYBODY, Sender
from receiver.pipeline.worker import hang_detector
from receiver.pipeline.worker.hang_detector import HangClock, HangDetector
from receiver.store.refused_notifications_file import RefusedNotificationsFile
from tests.faults.waiting import until


def test_only_time_in_which_the_thread_ran_counts() -> None:
    clock = HangClock()
    assert clock.look(0.0, 1) == 0.0
    assert clock.look(1.0, 1) == 1.0
    assert clock.look(2.0, 1) == 2.0
    assert clock.look(600.0, 1) == pytest.approx(3.5), "ten minutes of SIGSTOP count as one check"
    assert clock.look(601.0, 2) == 0.0
    assert clock.look(602.0, 2) == 1.0


@pytest.mark.parametrize("reason", ["loop", "task"])
async def test_a_hang_is_reported_once(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    monkeypatch.setattr(hang_detector, "LOOK", 0.05)
    monkeypatch.setattr(hang_detector, "TURN", 0.02)
    ended, said = threading.Event(), list[str]()

    def end(why: str) -> None:
        said.append(why)
        ended.set()

    down = [0.0]
    made = HangDetector(Clock(), lambda: down[0], end, limit=0.5)
    made.start()
    await asyncio.sleep(0.3)
    assert said == []
    if reason == "task":
        down[0] = 1.0
        await until(ended.is_set, "the end of the process", 20.0)
    else:
        ended.wait(20)  # blocks the loop, like a callback that never returns
    assert len(said) == 1
    assert ("event loop has been blocked" in said[0]) is (reason == "loop")
    made.stop()


def test_what_is_owed_is_written_and_read_again(tmp_path: Path) -> None:
    file = RefusedNotificationsFile(tmp_path)
    assert file.read() == []
    own = Sender("am 2", ("am 2", "am1"))
    file.write([(b'{"a": "\n"}', ANYBODY), (b"second", own)], 1_795_000_000.5)
    assert (tmp_path / "owed-notifications.txt").stat().st_mode & 0o077 == 0
    with file.path.open("ab") as torn:
        torn.write(b"bm90IGJhc2U2NA=*\n")
    assert RefusedNotificationsFile(tmp_path).read() == [
        (1_795_000_000, b'{"a": "\n"}', ANYBODY), (1_795_000_000, b"second", own),
    ]  # fmt: skip
    file.remove()
    file.remove()
    assert file.read() == []


async def test_a_process_that_stood_still_knows_so_for_a_moment() -> None:
    clock = FakeClock(datetime(2026, 11, 23, tzinfo=UTC))
    made, loop = HangDetector(clock, lambda: 0.0, lambda why: None), asyncio.get_running_loop()
    assert not made.stood_still(), "it has just started"
    made._turn(loop)
    for seconds, stood_still in ((0.5, False), (4.0, False), (6.0, True)):
        clock.forward(timedelta(seconds=seconds))
        assert made.stood_still() is stood_still, "also before the loop's first sign of life"
        made._turn(loop)
        assert made.stood_still() is stood_still
    clock.forward("1s")
    assert not made.stood_still()
    made.stop()


async def test_it_is_known_when_a_process_stood_still_for_how_long() -> None:
    clock = FakeClock(datetime(2026, 11, 23, tzinfo=UTC))
    made, loop = HangDetector(clock, lambda: 0.0, lambda why: None), asyncio.get_running_loop()
    made._turn(loop)
    assert made.stood_still_until() == -math.inf
    clock.forward(timedelta(seconds=20))
    assert made.stood_still_until(12.0) == clock.monotonic(), "also before the loop's first sign of life"
    made._turn(loop)
    long = clock.monotonic()
    clock.forward(timedelta(seconds=3))
    made._turn(loop)
    short = clock.monotonic()
    clock.forward(timedelta(seconds=0.5))
    made._turn(loop)
    assert (made.stood_still_until(), made.stood_still_until(12.0), made.stood_still_until(60.0)) == (
        short, long, -math.inf
    )  # fmt: skip
    made.stop()
