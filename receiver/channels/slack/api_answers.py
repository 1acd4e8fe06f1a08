"""The meaning of Slack's responses: HTTP 200 does not mean success."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from receiver.channels.base import DeliveryError, Reply, raise_for
from receiver.channels.delivery_error import WHOLE_LIMIT
from receiver.channels.http_client import retry_after
from receiver.channels.safe_text import clean, hide

CREDENTIAL = frozenset(
    {
        "access_denied",
        "account_inactive",
        "ekm_access_denied",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    }
)
PLACE = frozenset(
    {
        "as_user_not_supported",
        "channel_not_found",
        "is_archived",
        "messages_tab_disabled",
        "not_in_channel",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
    }
)
LIMITS = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
TROUBLE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
"""Slack's own: "some aspect may have succeeded"."""
TOO_MUCH = frozenset(
    {
        "invalid_arg_name",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "metadata_too_large",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
    }
)
"""Errors in our message: the same in plain text may be accepted."""
GONE = "message_not_found"
FROZEN = frozenset({"cant_update_message", "edit_window_closed"})
"""The message exists and cannot be edited; its thread still accepts replies."""
DEFAULT_WAIT = 1.0
"""Seconds to wait after a 429 without a Retry-After, as Slack's own client does."""


class SlackError(DeliveryError):
    """An `ok: false`; `code` is Slack's error code."""

    def __init__(self, code: str, method: str, wait: float | None = None) -> None:
        """Classify the code; an unknown one is retried, because Slack adds codes."""
        self.code = code
        detail = f"{method} returned {clean(code, WHOLE_LIMIT)}"
        if code in CREDENTIAL:
            super().__init__("auth", detail, permanent=True)
        elif code in PLACE or code in TOO_MUCH:
            super().__init__("client_error", detail, permanent=True)
        elif code in LIMITS:
            super().__init__("rate_limited", detail, retry_after=DEFAULT_WAIT if wait is None else wait)
        elif code in TROUBLE:
            super().__init__("server_error", detail, retry_after=wait, ambiguous=True)
        else:
            super().__init__("client_error", detail)


def read(method: str, reply: Reply, now: datetime, token: str) -> dict[str, Any]:
    """Return the body of an `ok: true`. Raises SlackError for an `ok: false`, DeliveryError for anything else."""
    body = reply.json
    if isinstance(body, dict) and body.get("ok") is False and reply.status in (200, 429):
        code = body.get("error")
        raise SlackError(
            hide(code, (token,)) if isinstance(code, str) else "unknown", method, retry_after(reply.headers, now)
        )
    raise_for(reply, now, (token,))
    if isinstance(body, dict) and body.get("ok") is True:
        return body
    raise DeliveryError("bad_answer", f"{method} returned {reply.status} without Slack's JSON", ambiguous=True)
