"""What becomes of a mail to a subscriber that could not be delivered. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

AGAIN = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60))
"""When a mail is retried (contracts: email, section 1)."""
UNKNOWN = ("answered 550", "answered 551", "answered 553")
"""Answers that say that there is no such address: it is stopped at once."""
FAILURES = 3
"""Mails in a row that could not be delivered for another reason: then the address is stopped."""
_SERVER = ("auth", "connection", "timeout", "bad_answer")
"""Reasons that lie with the mail server, or with the server of the address, and not with the address itself."""


class MailFailure(NamedTuple):
    """What follows from a failure."""

    outcome: str
    """As the metric counts it."""
    again: timedelta | None = None
    """After which time it is retried; None: it is dropped."""
    failures: int = 0
    """Of the address in a row, this one included."""
    stop: str = ""
    """Why the address gets no more mail; empty: it does."""


def failure_of(reason: str, detail: str, *, ambiguous: bool, tries: int, failures: int) -> MailFailure:
    """Return what follows when a mail failed for `reason`.

    `ambiguous`: the mail server may have accepted it, and lost the answer. `tries`: retries before. `failures`: earlier
    mails in a row that this address did not accept.
    """
    last = tries >= len(AGAIN)
    if reason in _SERVER and not (ambiguous and last):
        # News is dropped after a day, and a sign-up expires after one: it is retried no longer than that.
        return MailFailure("unreachable", AGAIN[min(tries, len(AGAIN) - 1)], failures)
    if reason in _SERVER:
        # Each retry may have been another copy of the same mail.
        return MailFailure("dropped", failures=failures)
    if reason != "client_error" and not last:
        return MailFailure("retried", AGAIN[tries], failures)
    stop = "unknown" if detail.startswith(UNKNOWN) else "failures" if failures + 1 >= FAILURES else ""
    return MailFailure("refused", failures=failures + 1, stop=stop)
