"""The archive in the console: a download of finished incidents, and a form that imports them."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.store.client.connection import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.audit_trail import audited
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.auth.tokens import allow
from receiver.web.console.forms.form_values import moment_of
from receiver.web.http.error_responses import Refusal
from receiver.web.http.query_parameters import read_once

MOST = 500
"""Maximum number of incidents that one form imports."""
STUCK = 30.0
"""Seconds that a browser may leave a part of the download unread; then it is cut off."""


class ArchivePage:
    """`/system/archive`, and the import on `/system`."""

    def __init__(self, parts: AppParts) -> None:
        """Create it with the reader and writer of whole incidents."""
        self.parts = parts

    async def download(self, request: web.Request, visitor: SignedInPerson) -> web.StreamResponse:
        """Return finished incidents in full, one per line, as `receiver export` writes them.

        Raises Refusal and StoreAway.
        """
        allow(visitor.caller, Scope.ADMIN)
        given, now = read_once(request, "since", "until"), self.parts.clock.now()
        try:
            since, until = moment_of(given, "since"), moment_of(given, "until")
        except ValueError as wrong:
            raise Refusal(400, "bad_query", str(wrong)) from None
        headers = {
            "Content-Type": "application/x-ndjson",
            "Content-Disposition": f'attachment; filename="incidents-{now:%Y-%m-%d}.jsonl"',
        }
        if request.method == "HEAD":
            return web.Response(headers=headers)
        response = web.StreamResponse(headers=headers)
        try:
            with audited(self.parts, request, visitor.caller, "export"):
                await self._send(request, response, since, until, now)
        except ConnectionError:
            return response  # the browser canceled the download
        except (StoreAway, TimeoutError):
            if not response.prepared:
                raise
            _reset(request)
        return response

    async def _send(
        self,
        request: web.Request,
        response: web.StreamResponse,
        since: datetime | None,
        until: datetime | None,
        now: datetime,
    ) -> None:
        archive = self.parts.incident_archive
        # The first part is read before the response begins, so that an unavailable store is an error page.
        items, following = await archive.page(since, until, "", now)
        await response.prepare(request)
        await _write(response, items)
        while following is not None:
            items, following = await archive.page(since, until, following, now)
            await _write(response, items)

    async def take(self, request: web.Request, visitor: SignedInPerson, text: str) -> dict[str, Any]:
        """Import what was pasted; return how many were imported or already present, and those rejected."""
        allow(visitor.caller, Scope.ADMIN)
        with audited(self.parts, request, visitor.caller, "import"):
            return await self.parts.incident_archive.take(pasted(text), self.parts.clock.now())


def _reset(request: web.Request) -> None:
    # A client must not take a part for the whole. With HTTP/1.0, the end of the connection is the end of the file.
    transport = request.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


async def _write(response: web.StreamResponse, items: list[dict[str, Any]]) -> None:
    async with asyncio.timeout(STUCK):
        await response.write(b"".join(orjson.dumps(one) + b"\n" for one in items))


def pasted(text: str) -> list[Mapping[str, Any]]:
    """Return the incidents of a text with one per line. Raises Refusal (400)."""
    found: list[Mapping[str, Any]] = []
    for number, line in enumerate(text.split("\n"), 1):  # not splitlines(): a text may contain U+2028
        if not line.strip():
            continue
        try:
            value = orjson.loads(line.encode("utf-8", "replace"))
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            raise Refusal(400, "bad_form", f"line {number}: not an incident (paste lines of a downloaded archive)")
        found.append(value)
    if not 1 <= len(found) <= MOST:
        raise Refusal(400, "bad_form", f"paste 1 to {MOST} lines (receiver import takes whole files)")
    return found
