"""What becomes of a row whose channel a replica does not know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from receiver.model.base import to_ms
from receiver.model.incident.event import Destination
from receiver.pipeline.delivery.orphaned_rows import GRACE, Left, left, nowhere
from receiver.store.due.leased_row import Claimed

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
LONG, JUST = NOW - GRACE, NOW - GRACE + timedelta(seconds=1)


def row(*, paging: bool = True, uid: str = "u") -> Claimed:
    to = Destination(channel="gone", address="a", paging=paging)
    return Claimed(
        member="m", token="t", uid=uid, to=to, cursor=0, last=1, tries=1, attempts=0, since_ms=0, memory={}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("last", "since", "what"),
    [
        (LONG, LONG, Left.OVER),
        (JUST, LONG, Left.TO_OTHERS),
        (LONG, JUST, Left.TO_OTHERS),
        (NOW, NOW, Left.TO_OTHERS),
        (None, NOW, Left.OVER),
    ],
)
def test_it_is_left_to_others_until_nobody_has_said_for_a_while_that_they_serve_it(
    last: datetime | None, since: datetime, what: Left
) -> None:
    assert left(row(), None, to_ms(last) if last else None, since, NOW) is what


def test_of_anything_but_an_incidents_page_nobody_knows_whether_it_is_over() -> None:
    assert left(row(paging=False), None, None, NOW, NOW) is Left.GIVEN_UP
    assert left(row(uid=""), None, None, NOW, NOW) is Left.GIVEN_UP


def test_the_reason_says_whether_it_is_off_or_gone() -> None:
    assert nowhere("chat", {"chat"}, {}) is None
    assert nowhere("chat", (), {"chat": "token is empty"}) == "channel chat is off (token is empty)"
    assert nowhere("chat", (), {}) == "channel chat is not configured any more"
