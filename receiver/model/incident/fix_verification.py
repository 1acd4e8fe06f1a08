"""The result of a check of `verification`."""

from __future__ import annotations

from receiver.model.base import Frozen


class CheckResult(Frozen):
    """One run of a check."""

    name: str
    ok: bool | None
    """None: it could not run; that is recorded, and delays nothing."""
    detail: str
    """The measured value, or the reason for a failure, as text: `0.3% < 5%`, `no answer within 2 s`."""
