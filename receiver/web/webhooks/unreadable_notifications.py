"""Notifications that could not be read, or only in part: their beginnings are kept, and the operators are notified.

A sender with a valid token intends to reach this service, so an alert in such a notification may have reached no one.
"""

from __future__ import annotations

import hashlib
import re

import structlog
from aiohttp import web

from receiver.model.base import rfc3339, to_ms
from receiver.model.visible_text import encodable
from receiver.store.client.store_errors import StoreAway
from receiver.web.app_keys import AppParts

HEAD = 4096
"""Bytes of a rejected body that are kept."""
NAME = 200
"""Characters of the sender's name and of the reason that are kept and reported."""

# A reason may contain a label's name: only characters that no channel could interpret as markup are sent to people.
_UNTOLD = re.compile(r"[^A-Za-z0-9 .,:;'\"()/_-]")

log = structlog.get_logger("receiver.webhook")


class UnreadableNotifications:
    """Keeps the beginnings of bodies that could not be read."""

    def __init__(self, parts: AppParts) -> None:
        """`parts` has the store, and the channel for the operators."""
        self._parts = parts

    async def keep(self, raw: bytes, request: web.Request, caller: str, detail: str, *, in_part: bool = False) -> None:
        """Keep the beginning of a body and report it to the operators; `in_part`: the rest of it was processed."""
        now = self._parts.clock.now()
        head = {
            "at": rfc3339(now), "sha256": hashlib.sha256(raw).hexdigest(),
            "prefix": raw[:HEAD].decode("utf-8", "replace"), "token": caller,
            "user_agent": encodable(request.headers.get("User-Agent", "")[:NAME]), "detail": encodable(detail),
        }  # fmt: skip
        why = _UNTOLD.sub("?", detail[:NAME])
        text = (
            f"A notification from the sender {caller} could not be read and was refused with 400: {why}. "
            "Nothing was changed; an alert in it may have reached no one. The start of its body is kept."
        )
        if in_part:
            text = (
                f"A notification from the sender {caller} was read in part: {why}. The rest was processed. "
                "The start of its body is kept."
            )
        rows = [
            (f"- {to.channel} refused-{to_ms(now)}", to.channel, to, {"text": text})
            for to in self._parts.setting().policy.informs
        ]
        if self._parts.monitor.away:
            return
        try:
            await self._parts.due.refuse(head, to_ms(now), rows)
        except StoreAway as away:
            log.warning("unreadable_notification_dropped", reason=str(away))
