"""The address at which people open the pager in a browser; it is in no setting, and only the pager's API returns it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog

from receiver.channels.safe_text import href
from receiver.pipeline.shared_documents import PAGER, Documents
from receiver.store.client.store_errors import StoreAway
from receiver.store.shared_documents import SharedDocuments, SharedDocumentsFull

KEPT = 5_000
"""Maximum number of page addresses that a replica remembers, the newest ones."""

log = structlog.get_logger("receiver.pagerduty")


class PagerAddresses:
    """The address of each pager, shared by all replicas, and of the pages that this replica knows.

    Both are in memory, because they are needed while the store does not answer.
    """

    def __init__(self, posted: Callable[[], Documents], board: SharedDocuments) -> None:
        """`posted` returns the shared documents as last read."""
        self.posted = posted
        self.board = board
        self._pages: OrderedDict[str, str] = OrderedDict()
        self._accounts: dict[str, str] = {}

    def account(self, channel: str) -> str | None:
        """Return the address of the account behind a channel; None if its API has not returned one."""
        return self._accounts.get(channel) or self._shared(channel)

    def _shared(self, channel: str) -> str | None:
        told = self.posted().get(PAGER, {}).get(channel, {}).get("url")
        return href(told) if isinstance(told, str) else None

    def page(self, key: str) -> str | None:
        """Return the address of the page with that key; None if this replica does not know it."""
        return self._pages.get(key)

    def remember(self, channel: str, key: str, url: str) -> str | None:
        """Remember the address of a page; return that of its account if other replicas do not know it, else None."""
        if href(url) is None:
            return None
        self._pages[key] = url
        self._pages.move_to_end(key)
        if len(self._pages) > KEPT:
            self._pages.popitem(last=False)
        parts = urlsplit(url)
        self._accounts[channel] = account = f"{parts.scheme}://{parts.netloc}"
        return account if account != self._shared(channel) else None

    async def learn(self, channel: str, key: str, url: str) -> None:
        """Remember the address of a page, and share the account's address with all replicas."""
        account = self.remember(channel, key, url)
        if account is None:
            return
        try:
            await self.board.put(PAGER, channel, {"url": account})
        except (StoreAway, SharedDocumentsFull) as error:
            # The next webhook has it again.
            log.warning("pager_address_dropped", channel=channel, reason=type(error).__name__)
