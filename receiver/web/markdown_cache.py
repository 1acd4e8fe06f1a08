"""Renders Markdown as HTML in a thread, and caches the result, because the text of a version never changes."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from receiver.review.markdown_html import NO_PICTURES, Pictures, document, fragment, illustrated
from receiver.web.http.thread_offload import Offload

KEPT = 4 * 1024 * 1024
"""Maximum number of cached characters of HTML; the least recently used page is dropped."""


class MarkdownPages:
    """Renders for one kind of page."""

    def __init__(self) -> None:
        """Create it with an empty cache."""
        self._threads = Offload("markdown", at_once=1, waiting=16, wait=10)
        self._kept: OrderedDict[bytes, str] = OrderedDict()
        self._size = 0

    async def page(self, markdown: str, title: str, pictures: Pictures = NO_PICTURES) -> str:
        """Return a whole page. Raises Refusal (503) if too many are requested at once."""
        return document(await self.fragment(markdown, pictures), title)

    async def fragment(self, markdown: str, pictures: Pictures = NO_PICTURES) -> str:
        """Return HTML as part of a page. Raises Refusal (503) if too many are requested at once."""
        # The charts of an open incident change each minute, but its text does not: only the text is cached.
        return illustrated(await self._rendered(markdown), pictures)

    async def _rendered(self, markdown: str) -> str:
        key = hashlib.sha256(markdown.encode("utf-8", "replace")).digest()
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        made = await self._threads.run(lambda: fragment(markdown))
        if key not in self._kept:
            self._kept[key] = made
            self._size += len(made)
            while self._size > KEPT:
                _, gone = self._kept.popitem(last=False)
                self._size -= len(gone)
        return made
