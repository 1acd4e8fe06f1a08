"""The meaning of a 4xx from a pager: only the pager's own rejection is a reason to give up on a page."""

from __future__ import annotations

from receiver.channels.delivery_error import DeliveryError

REFUSED = (400, 413)
"""Statuses of a permanent refusal."""


def page_refusal(error: DeliveryError, status: int) -> DeliveryError:
    """Return `error` for `status` from a pager: unless the pager itself rejected it, the page is retried.

    The pager rejects a wrong message with 400, or one that is too large, which a retry does not change. Any other 4xx
    comes from a proxy or another program at that address; 401, 403 and 404 mean that the key was rejected, which is
    reported to the operators.
    """
    if status in REFUSED or not error.permanent:
        return error
    refused = error.reason == "auth" or status == 404
    return DeliveryError("auth" if refused else "bad_answer", error.detail)
