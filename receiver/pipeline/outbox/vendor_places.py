"""Where an incident exists at vendors: tickets, wiki page, chat channel; read from receipts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from receiver.channels.base import Channel
from receiver.channels.safe_text import href

MOST = 8
"""Maximum number of places that are listed, the earliest ones."""
_TICKET = re.compile(r"[A-Z][A-Z0-9_]{1,30}-[0-9]{1,9}")
_PAGE = re.compile(r"[0-9]{1,20}")


class VendorPlace(NamedTuple):
    """One place at a vendor."""

    text: str
    href: str | None
    """The address where people open it in a browser; None if unknown."""


def vendor_places(receipts: Iterable[Mapping[str, Any]], channels: Mapping[str, Channel[Any]]) -> list[VendorPlace]:
    """Return the places of an incident; `receipts` are its receipts, oldest first, `channels` the active channels."""
    found: dict[str, VendorPlace] = {}
    for receipt in receipts:
        channel = channels.get(str(receipt.get("channel")))
        if channel is None or receipt.get("outcome") != "delivered":
            continue
        base, ref, room = getattr(channel.settings, "api_url", ""), str(receipt.get("ref") or ""), receipt.get("room")
        if room:
            found[f"room {channel.name}"] = VendorPlace(f"#{str(room).removeprefix('#')}", None)
        if channel.kind == "jira" and _TICKET.fullmatch(ref):
            found[ref] = VendorPlace(f"Ticket {ref}", href(f"{base}/browse/{ref}"))
        if channel.kind == "confluence" and _PAGE.fullmatch(ref):
            found[f"page {channel.name}"] = VendorPlace("Wiki page", href(f"{base}/pages/viewpage.action?pageId={ref}"))
    return list(found.values())[:MOST]
