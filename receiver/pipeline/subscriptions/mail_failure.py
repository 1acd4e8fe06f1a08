"""Decides what happens to mail to a subscriber that could not be delivered. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

AGAIN = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60))
"""When a mail is retried."""
UNKNOWN = ("returned 550", "returned 551", "returned 553")
"""Responses that mean that the address does not exist: mail to it stops at once."""
FAILURES = 3
"""Consecutive mails that could not be delivered for another reason, after which mail to the address stops."""
_SERVER = ("auth", "connection", "timeout", "bad_answer")
"""Reasons that are caused by the mail server, or by the address's server, rather than by the address."""


class MailFailure(NamedTuple):
    """The consequences of a failure."""

    outcome: str
    """Its value in the metric."""
    again: timedelta | None = None
    """The time until the retry; None: it is dropped."""
    failures: int = 0
    """Consecutive failures of the address, including this one."""
    stop: str = ""
    """Why mail to the address stops; empty: it continues."""


def failure_of(reason: str, detail: str, *, ambiguous: bool, tries: int, failures: int) -> MailFailure:
    """Return the consequences of a mail that failed for `reason`.

    `ambiguous`: the mail server may have accepted it, but its response was lost. `tries`: earlier retries.
    `failures`: earlier consecutive mails that this address did not accept.
    """
    last = tries >= len(AGAIN)
    if reason in _SERVER and not (ambiguous and last):
        # News is dropped after a day, and a sign-up expires after one, so neither is retried longer than that.
        return MailFailure("unreachable", AGAIN[min(tries, len(AGAIN) - 1)], failures)
    if reason in _SERVER:
        # Each retry may have been another copy of the same mail.
        return MailFailure("dropped", failures=failures)
    if reason != "client_error" and not last:
        return MailFailure("retried", AGAIN[tries], failures)
    stop = "unknown" if detail.startswith(UNKNOWN) else "failures" if failures + 1 >= FAILURES else ""
    return MailFailure("refused", failures=failures + 1, stop=stop)
