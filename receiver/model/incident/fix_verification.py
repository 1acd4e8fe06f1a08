"""What a check of `verification` found."""

from __future__ import annotations

from receiver.model.base import Frozen


class CheckResult(Frozen):
    """One check, asked once."""

    name: str
    ok: bool | None
    """None: it could not run; that is recorded, and delays nothing."""
    detail: str
    """What was measured, or why it could not be, in words: `0.3% < 5%`, `no answer within 2 s`."""
