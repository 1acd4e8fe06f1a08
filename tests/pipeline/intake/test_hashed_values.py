"""A table of small numbers: what it knows, what it forgets first, and that its memory never grows."""

from __future__ import annotations

import tracemalloc

from receiver.pipeline.intake.hashed_values import LOW, HashedValues
from receiver.pipeline.intake.last_digests import DIGESTS
from receiver.web.webhooks.admission_queue import GROUPS

MOST = 400 * 1024
"""Bytes of the tables of digests and of severities: both took 2.2 MiB when they were full."""


def test_a_value_is_known_until_it_is_replaced() -> None:
    table = HashedValues(64)
    assert table.get("a") is None
    table.put("a", 0)
    table.put("b", LOW)
    assert (table.get("a"), table.get("b"), table.get("c")) == (0, LOW, None)
    table.put("a", 7)
    assert (table.get("a"), table.get("b")) == (7, LOW)


def test_the_oldest_entry_of_a_full_row_is_replaced() -> None:
    table = HashedValues(2)  # one row
    for text in ("a", "b", "a", "c"):
        table.put(text, ord(text))
    assert [table.get(text) for text in "abc"] == [ord("a"), None, ord("c")]


def test_the_number_of_groups_it_was_made_for_is_kept() -> None:
    table = HashedValues(DIGESTS)
    for number in range(10_000):
        table.put(f"group {number}", number)
    known = sum(table.get(f"group {number}") == number for number in range(10_000))
    assert known >= 9_600
    assert sum(table.get(f"other {number}") is not None for number in range(10_000)) == 0


def test_its_memory_does_not_grow() -> None:
    tables = HashedValues(DIGESTS), HashedValues(GROUPS)
    assert sum(table.size for table in tables) <= MOST
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(20_000):
            for table in tables:
                table.put(f"group {number}", number)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 4096
