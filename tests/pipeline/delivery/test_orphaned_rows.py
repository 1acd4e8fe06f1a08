"""Rows whose channel a replica does not have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from receiver.model.base import to_ms
from receiver.model.incident.event import Destination
from receiver.pipeline.delivery.orphaned_rows import GRACE, RowDecision, decide_orphaned_row, why_undeliverable
from receiver.store.due.leased_row import LeasedRow

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
LONG, JUST = NOW - GRACE, NOW - GRACE + timedelta(seconds=1)


def row(*, paging: bool = True, uid: str = "u") -> LeasedRow:
    to = Destination(channel="gone", address="a", paging=paging)
    return LeasedRow(
        member="m", token="t", uid=uid, to=to, cursor=0, last=1, tries=1, attempts=0, since_ms=0, memory={}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("last", "since", "what"),
    [
        (LONG, LONG, RowDecision.OVER),
        (JUST, LONG, RowDecision.TO_OTHERS),
        (LONG, JUST, RowDecision.TO_OTHERS),
        (NOW, NOW, RowDecision.TO_OTHERS),
        (None, NOW, RowDecision.OVER),
    ],
)
def test_it_is_left_to_others_until_nobody_has_said_for_a_while_that_they_serve_it(
    last: datetime | None, since: datetime, what: RowDecision
) -> None:
    assert decide_orphaned_row(row(), None, to_ms(last) if last else None, since, NOW) is what


def test_of_anything_but_an_incidents_page_nobody_knows_whether_it_is_over() -> None:
    assert decide_orphaned_row(row(paging=False), None, None, NOW, NOW) is RowDecision.GIVEN_UP
    assert decide_orphaned_row(row(uid=""), None, None, NOW, NOW) is RowDecision.GIVEN_UP


def test_the_reason_says_whether_it_is_off_or_gone() -> None:
    assert why_undeliverable("chat", {"chat"}, {}) is None
    assert why_undeliverable("chat", (), {"chat": "token is empty"}) == "channel chat is off (token is empty)"
    assert why_undeliverable("chat", (), {}) == "channel chat is no longer configured"
