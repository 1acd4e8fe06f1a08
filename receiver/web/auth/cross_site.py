"""Cross-site requests: a page of another site makes a browser send them, with credentials that the browser adds."""

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
"""Paths whose requests have a signature or a one-time token, which a browser never adds automatically. The web app of
ntfy answers a page from its own origin; a mail program unsubscribes without a page (RFC 8058)."""

WHY = (
    "this request came from a page of another site; behind a proxy that changes the Host header, set service.public_url"
)

log = structlog.get_logger("receiver.web")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def same_site_only(gate: TokenCheck, public_url: Callable[[], str | None]) -> Middleware:
    """Return the middleware that refuses cross-site requests that would change something, with 403.

    `public_url` is `service.public_url`: its host is this service's own, regardless of the Host header from a proxy.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method not in SAFE and _by_browser(request, gate) and is_cross_site(request, public_url()):
            log.warning("cross_site_request_refused", method=request.method, path=shown_path(request))
            raise Refusal(403, "cross_site", WHY)
        return await handler(request)

    return check


def is_cross_site(request: web.Request, public_url: str | None = None) -> bool:
    """Return whether a browser reports that a page of another site sent `request`; other clients send neither header.

    Hosts are compared, not schemes, because a proxy may terminate TLS.
    """
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    # An origin is only a scheme and a host. It is compared, not parsed, because it may contain anything.
    _, there, host = origin.partition("://")
    own = {request.host, (public_url or "").partition("://")[2].partition("/")[0]}
    return not there or not host or host not in own


def _by_browser(request: web.Request, gate: TokenCheck) -> bool:
    if request.path.startswith(SIGNED):
        return False
    given = request.headers.get("Authorization")
    if given is not None:
        # Browsers repeat Basic credentials automatically; a bearer token is added by a program that has it.
        return given.strip()[:7].lower() != "bearer "
    return not gate.closed or cookie_of(request) is not None or request.path == "/login"
