"""The console's style sheet and script: named by their hash, so that a browser caches them permanently."""

from __future__ import annotations

from aiohttp import web

from receiver.web.html_pages import HtmlPages
from receiver.web.http.compression import SAME
from receiver.web.http.error_responses import Refusal

FOR_GOOD = "public, max-age=31536000, immutable"


class Assets:
    """`/assets/{name}`. Anyone may load them: they are the same for everyone and contain no data."""

    def __init__(self, pages: HtmlPages) -> None:
        """Read the files that the pages use."""
        self.pages = pages

    async def asset(self, request: web.Request) -> web.Response:
        """Return one of the files. Raises Refusal (404) for any other name."""
        found = self.pages.assets.get(request.match_info["name"])
        if found is None:
            raise Refusal(404, "unknown", "page not found")
        content, kind = found
        headers = {"Cache-Control": FOR_GOOD}
        response = web.Response(body=content, content_type=kind, charset="utf-8", headers=headers)
        response[SAME] = True
        return response
