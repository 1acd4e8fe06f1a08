"""The reason why a delivery failed, in a form that the work loop can act on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, get_args

from receiver.channels.safe_text import clean, cut, hide

DETAIL_LIMIT = 300
WHOLE_LIMIT = 2000
"""Characters that are searched for secrets: a secret that is cut is not recognized, and would be shown in part."""

Reason = Literal[
    "timeout",
    "connection",
    "client_error",
    "auth",
    "rate_limited",
    "server_error",
    "bad_answer",
    "redirect",
    "refused",
]
"""All values of the metric label."""

REASONS: frozenset[str] = frozenset(get_args(Reason))


class DeliveryError(Exception):
    """A channel could not deliver, or cannot tell whether it did.

    `permanent`: a retry can never succeed. `retry_after`: seconds that the vendor asked to wait. `ambiguous`: the
    vendor may have accepted it although no valid response arrived.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        ambiguous: bool = False,
    ) -> None:
        """`reason` is for machines; `detail`, cleaned and cut to 300 characters, is for people."""
        self.reason: Reason = reason
        self._whole = clean(detail, WHOLE_LIMIT)
        self.detail = cut(self._whole, DETAIL_LIMIT)
        self.permanent = permanent
        self.retry_after = retry_after
        self.ambiguous = ambiguous
        self.progress: dict[str, Any] = {}
        """The memory of steps that were completed before the failure."""
        super().__init__(f"{reason}: {self.detail}")

    def conceal(self, secrets: Iterable[str]) -> None:
        """Replace every one of `secrets` in the text by `***`."""
        self._whole = hide(self._whole, secrets)
        self.detail = cut(self._whole, DETAIL_LIMIT)
        self.args = (f"{self.reason}: {self.detail}",)
