"""The meaning of a 4xx from a pager: only its own refusal is a reason to give up a page."""

from __future__ import annotations

from receiver.channels.delivery_error import DeliveryError

REFUSED = (400, 413)
"""Statuses of a permanent refusal."""


def page_refusal(error: DeliveryError, status: int) -> DeliveryError:
    """Return `error` for `status` from a pager: unless the pager itself has refused it, the page is retried.

    Its refusal is a 400, whatever is wrong with the message, and what is too large stays so. Any other 4xx is the word
    of a proxy, or of whatever else answers there today; of them 401, 403 and 404 say that the key is refused, which the
    operators are told.
    """
    if status in REFUSED or not error.permanent:
        return error
    refused = error.reason == "auth" or status == 404
    return DeliveryError("auth" if refused else "bad_answer", error.detail)
