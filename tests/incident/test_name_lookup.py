"""Abbreviated ids, and the incidents that they identify."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from receiver.incident.name_lookup import id_readings

NOW = datetime(2026, 11, 29, tzinfo=UTC)
FORM = "INC-{year}-{number:04d}"


@pytest.mark.parametrize(
    ("text", "form", "meant"),
    [
        ("1", FORM, "INC-2026-0001"),
        ("12345", FORM, "INC-2026-12345"),
        ("inc-2025-7", FORM, "INC-2025-0007"),
        ("INC-2026-0001", FORM, "INC-2026-0001"),
        ("3", "OPS-{year}{month:02d}-{number}", "OPS-202611-3"),
        ("4", "{number}", "4"),
    ],
)
def test_a_short_id_means_the_whole_one(text: str, form: str, meant: str) -> None:
    readings = id_readings(text, form, NOW)
    assert (readings[0], readings[-1]) == (text, meant)


@pytest.mark.parametrize("text", ["", "INC-2026", "INC-2026-x", "1.5", "-1", "²", "INC-2026-1 ", "1" * 13, "{number}"])
def test_anything_else_means_itself(text: str) -> None:
    assert id_readings(text, FORM, NOW) == (text,)


def test_a_form_that_names_a_part_twice_reads_only_numbers() -> None:
    assert id_readings("a-2026-2026-1", "a-{year}-{year}-{number}", NOW) == ("a-2026-2026-1",)
