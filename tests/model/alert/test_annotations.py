"""The content of an alert's annotations."""

from __future__ import annotations

import pytest

from receiver.model.alert.annotations import description_of, middle_cut, values_of


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        ({"summary": "s", "description": " it is down ", "message": "m"}, "it is down"),
        ({"summary": "s", "message": "old style"}, "old style"),
        ({"summary": "s", "description": " ", "message": "m"}, "m"),
        ({"details": "look at the disk", "runbook_url": "https://x.example/a b"}, "look at the disk"),
        ({"value": "93%", "note": "two words"}, "two words"),
        ({"summary": "s", "dashboard": "https://x.example"}, ""),
        ({}, ""),
    ],
)
def test_what_describes_an_alert(annotations: dict[str, str], said: str) -> None:
    assert description_of(annotations) == said


def test_values_are_what_else_is_text() -> None:
    notes = {
        "summary": "s",
        "message": "m",
        "value": " 93% ",
        "error_rate": "7",
        "runbook_url": "https://x",
        "empty": "",
    }
    assert values_of(notes) == {"value": "93%", "error_rate": "7"}
    assert values_of({"note": "two words", "value": "1"}) == {"value": "1"}


def test_a_text_is_cut_in_its_middle() -> None:
    assert middle_cut("abcdefghij", 10) == "abcdefghij"
    assert middle_cut("abcdefghij", 9) == "abcdef…ij"
    assert [len(middle_cut("x" * 99, limit)) for limit in range(12)] == list(range(12))
