"""The oracle finds each planted violation, and none without one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.oracle import Span, Verdict, judge

WHO = "a" * 32


def sent(at: float, *, firing: bool = True, status: int | None = 200, probe: str = "Probe1") -> dict[str, Any]:
    return {"probe": probe, "firing": firing, "pages": [WHO], "at": at, "answered": at + 0.1, "status": status}


def took(at: float, action: str = "trigger", key: str = "k", **more: Any) -> dict[str, Any]:
    body = {"routing_key": WHO, "dedup_key": key, "event_action": action}
    if action == "trigger":
        body["payload"] = {"summary": f"[SEV-2] Auth{more.pop('probe', 'Probe1')}: x"}  # type: ignore[assignment]
    return {"vendor": "pagerduty", "taken": True, "errors": [], "at": at, "body": body, **more}


def verdict(vendors: list[dict[str, Any]], *more: dict[str, Any], downs: tuple[Span, ...] = ()) -> Verdict:
    return judge([sent(10.0), sent(50.0, firing=False), *more], vendors, downs)


GOOD = [took(11.0), took(52.5, "resolve")]


def test_a_good_run_has_no_breach() -> None:
    assert verdict(GOOD).breaches == []
    assert verdict([took(11.0), *GOOD]).breaches == []


@pytest.mark.parametrize(
    ("kind", "vendors"),
    [
        ("lost", []),
        ("lost", [took(11.0, taken=False), took(52.5, "resolve")]),
        ("late", [took(25.2), took(52.5, "resolve")]),
        ("extra", [took(11.0), took(11.1), took(11.2), took(52.5, "resolve")]),
        ("extra", [*GOOD, took(11.0, key="other"), took(52.5, "resolve", key="other")]),
        ("extra", [*GOOD, took(11.0, key="strange", probe="Probe2")]),
        ("wrong", [took(11.0), took(49.0, "resolve")]),
        ("wrong", [took(9.0), took(52.5, "resolve")]),
        ("wrong", [*GOOD, took(53.0), took(54.0, "resolve")]),
        ("wrong", [*GOOD, {**took(11.0), "vendor": "nobody", "taken": False, "method": "GET", "path": "/"}]),
        ("unresolved", [took(11.0)]),
        ("unresolved", [took(11.0), took(52.5, "resolve", key="other")]),
    ],
)
def test_each_breach_is_found(kind: str, vendors: list[dict[str, Any]]) -> None:
    found = verdict(vendors)
    assert getattr(found, kind) != []


def test_a_page_may_wait_for_as_long_as_nobody_was_there() -> None:
    late = [took(30.0), took(52.5, "resolve")]
    assert verdict(late, downs=((8.0, 14.0), (12.0, 16.0))).breaches == []
    assert verdict(late, downs=((8.0, 12.0), (40.0, 60.0))).late != []


def test_what_was_refused_or_ended_at_once_need_not_ring() -> None:
    assert judge([sent(10.0, status=503), sent(11.0, status=None)], []).breaches == []
    assert judge([sent(10.0), sent(14.0, firing=False)], []).breaches == []


def test_a_resolve_without_an_end_is_wrong() -> None:
    assert judge([sent(10.0)], GOOD).wrong != []
