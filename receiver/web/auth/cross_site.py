"""Requests that a page of another site makes a browser send, with the credential that the browser adds by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from receiver.web.auth.sessions import cookie_of
from receiver.web.auth.tokens import TokenCheck
from receiver.web.http.error_responses import Refusal, shown_path

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, 9.2.1)."""
SIGNED = ("/slack/", "/webhooks/pagerduty", "/hooks/", "/status/subscriptions/")
"""Paths whose requests carry a signature or a one-time token, which no browser adds by itself. The web app of ntfy
answers a page from its own origin; a mail program unsubscribes without a page (RFC 8058)."""

WHY = (
    "this request came from a page of another site; behind a proxy that changes the Host header, set service.public_url"
)

log = structlog.get_logger("receiver.web")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def same_site_only(gate: TokenCheck, public_url: Callable[[], str | None]) -> Middleware:
    """Return the middleware that answers 403 to a cross-site request that would change something.

    `public_url` is `service.public_url`: its host is this service's own, whatever name a proxy puts into Host.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method not in SAFE and _by_browser(request, gate) and is_cross_site(request, public_url()):
            log.warning("cross_site_refused", method=request.method, path=shown_path(request))
            raise Refusal(403, "cross_site", WHY)
        return await handler(request)

    return check


def is_cross_site(request: web.Request, public_url: str | None = None) -> bool:
    """Return whether a browser says that a page of another site sent `request`; other clients send neither header.

    Hosts are compared, not schemes: TLS may end before this process.
    """
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    # An origin is a scheme and a host and nothing else. It is compared, not parsed, since it may hold anything.
    _, there, host = origin.partition("://")
    own = {request.host, (public_url or "").partition("://")[2].partition("/")[0]}
    return not there or not host or host not in own


def _by_browser(request: web.Request, gate: TokenCheck) -> bool:
    if request.path.startswith(SIGNED):
        return False
    given = request.headers.get("Authorization")
    if given is not None:
        # Browsers repeat Basic credentials by themselves; a bearer token is added by a program that knows it.
        return given.strip()[:7].lower() != "bearer "
    return not gate.closed or cookie_of(request) is not None or request.path == "/login"
