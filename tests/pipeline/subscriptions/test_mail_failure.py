"""Undelivered mail: when it is retried, and which addresses get no more mail."""

from __future__ import annotations

from datetime import timedelta

import pytest

from receiver.pipeline.subscriptions.mail_failure import AGAIN, FAILURES, MailFailure, failure_of

MINUTE, LAST = timedelta(minutes=1), len(AGAIN)


@pytest.mark.parametrize(
    ("reason", "detail", "ambiguous", "tries", "failures", "expected"),
    [
        ("connection", "", False, 0, 0, MailFailure("unreachable", MINUTE)),
        ("timeout", "", False, LAST + 9, 2, MailFailure("unreachable", 60 * MINUTE, 2)),
        ("timeout", "", True, LAST - 1, 0, MailFailure("unreachable", 60 * MINUTE)),
        ("timeout", "", True, LAST, 1, MailFailure("dropped", failures=1)),
        ("server_error", "returned 451", False, 0, 1, MailFailure("retried", MINUTE, 1)),
        ("server_error", "returned 451", False, LAST, 0, MailFailure("refused", failures=1)),
        ("client_error", "returned 554", False, 0, 0, MailFailure("refused", failures=1)),
        ("client_error", "returned 554", False, 0, FAILURES - 1, MailFailure("refused", None, FAILURES, "failures")),
        ("client_error", "returned 550 no such user", False, 0, 0, MailFailure("refused", None, 1, "unknown")),
    ],
)
def test_what_follows_from_a_failure(
    reason: str, detail: str, ambiguous: bool, tries: int, failures: int, expected: MailFailure
) -> None:
    assert failure_of(reason, detail, ambiguous=ambiguous, tries=tries, failures=failures) == expected
