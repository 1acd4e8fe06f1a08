"""What is kept as JSON takes no more memory than its text."""

from __future__ import annotations

import tracemalloc

import orjson
import pytest

from receiver.model.json_bytes import json_bytes

KEPT = 1000
RECORD = [1, 1_763_900_000_000, None, 3, "HighErrorRate", "0123456789abcdef@alertmanager", 1_763_900_000_000]


def test_a_kept_text_takes_its_own_size() -> None:
    tracemalloc.start()
    try:
        kept = [json_bytes(RECORD) for _ in range(KEPT)]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # 33 bytes of the object, 8 of the list, and what an allocator rounds up to.
    assert taken / KEPT < len(kept[0]) + 100


def test_the_text_is_that_of_orjson() -> None:
    value = {"name": "Zürich\n", "at": None, "list": [1, 2.5, True]}
    assert json_bytes(value) == orjson.dumps(value)
    assert json_bytes({"b": 1, "a": 2}, orjson.OPT_SORT_KEYS) == b'{"a":2,"b":1}'
    with pytest.raises(TypeError):
        json_bytes({"n": 2**64})
