"""The sender of a notification, and whose alerts it may resolve."""

from __future__ import annotations

from typing import NamedTuple


class Sender(NamedTuple):
    """The name of an ingest token, and the alerts that it may resolve. Entries with the same name are one sender."""

    name: str = ""
    """Empty: the service itself, or a notification from before senders were recorded."""
    resolves: tuple[str, ...] | None = None
    """Names of senders whose alerts it may resolve, including its own; None: those of every sender."""

    @property
    def restricted(self) -> bool:
        """Whether it may not resolve the alerts of every sender."""
        return self.resolves is not None

    def may_resolve(self, began: str) -> bool:
        """Return whether it may resolve an alert that the sender `began` reported; "": no sender was recorded."""
        return self.resolves is None or not began or began in self.resolves

    @property
    def mark(self) -> tuple[str, ...]:
        """The part of the keys of its groups: a restricted sender never replaces the alerts of another one."""
        return () if self.resolves is None else (self.name, *self.resolves)


ANYBODY = Sender()
