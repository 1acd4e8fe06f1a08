"""Every error as application/problem+json (RFC 9457) with its status, and the security headers of every response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from receiver.metrics import Metrics
from receiver.pipeline.exception_frames import drop_frames
from receiver.store.client.connection import IncidentUnreadable, StoreAway
from receiver.store.client.store_errors import StoreLostData

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# None of these claims that nothing was changed: the response to a write may be lost after the store executed it.
AWAY = "the incident store is unavailable; try again"
BUSY = "overloaded: this replica is too busy; try again"
LOST = "the incident store has lost data, which is being written back; try again"
UNREADABLE = "this replica cannot read the incident, which a later version wrote; try again"
BARE = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""The Content-Security-Policy of all responses except pages."""
FOR_ALL = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": BARE,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_FEEDS = "/oncall/feeds/{token}.ics"
"""Secret addresses of calendars: anyone who knows one may read the schedule."""
_SUBSCRIPTIONS = "/status/subscriptions/{token}"
"""Links in mail to subscribers: anyone who knows one may change the subscription."""
_PASSED_ON = ("Allow", "WWW-Authenticate", "Retry-After")

log = structlog.get_logger("receiver.web")


class Refusal(Exception):
    """A refused request: `detail` tells the caller why, without secrets; `reason` is for the log."""

    def __init__(
        self, status: int, reason: str, detail: str, *,
        errors: Sequence[Mapping[str, str]] = (), headers: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """`errors` has `{"path", "message"}` for each error of a body."""
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


def answer(value: Any, status: int = 200, *, kind: str = "application/json") -> web.Response:
    """Return `value` as JSON."""
    return web.Response(body=orjson.dumps(value), status=status, content_type=kind)


def problem(
    status: int, detail: str, errors: Sequence[Mapping[str, str]] = (), headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return a problem document: `type, title, status, detail`, and `errors` for a bad body."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = list(errors)
    response = answer(body, status, kind="application/problem+json")
    response.headers.update(headers or {})
    return response


def refusals(metrics: Metrics, noted: Callable[[web.Request, Refusal], None]) -> Middleware:
    """Return the outermost middleware, which turns every error into a problem document.

    `noted` is called for each refusal.
    """

    @web.middleware
    async def turn(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            noted(request, refusal)
            drop_frames(refusal)
            return problem(refusal.status, refusal.detail, refusal.errors, refusal.headers)
        except StoreAway as away:
            condition, reason = away.condition, str(away)
            log.warning(
                "request_failed", method=request.method, path=shown_path(request), condition=condition, reason=reason
            )
            drop_frames(away)
            return problem(503, _words(away))
        except web.HTTPException as error:
            drop_frames(error)
            return _known(request, error)
        except Exception as error:
            # The caller gets no details; the log has all of them. Alertmanager retries after a 5xx.
            metrics.loop_errors.labels("web").inc()
            log.exception("request_crashed", method=request.method, path=shown_path(request))
            drop_frames(error)
            return problem(500, "internal error; see the log")

    return turn


def shown_path(request: web.Request) -> str:
    """Return the path of a request for the log; a secret path is replaced with its pattern."""
    for secret in (_FEEDS, _SUBSCRIPTIONS):
        if request.path.startswith(secret.partition("{")[0]):
            return secret
    return request.path[:200]


def _known(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    if error.status < HTTPStatus.BAD_REQUEST:
        # No endpoint redirects: Alertmanager would follow with a GET and count it as delivered.
        return problem(404, "page not found")
    said = {404: "page not found", 405: "method not allowed", 413: "the body is too large"}
    headers = {name: error.headers[name] for name in _PASSED_ON if name in error.headers}
    # A literal path has its own methods, not those of a path with a parameter that also matches.
    own = {route.method for route in request.app.router.routes() if _path(route) == request.path}
    if "Allow" in headers and own:
        headers["Allow"] = ",".join(sorted(own))
    return problem(error.status, said.get(error.status, error.reason or "refused"), headers=headers)


def _path(route: web.AbstractRoute) -> str:
    return route.resource.canonical if route.resource else ""


async def harden(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers of every response; a header that an endpoint has set stays."""
    for name, value in FOR_ALL.items():
        response.headers.setdefault(name, value)
    response.headers.pop("Server", None)


def _words(away: StoreAway) -> str:
    if isinstance(away, IncidentUnreadable):
        return UNREADABLE
    if isinstance(away, StoreLostData):
        return LOST
    return BUSY if away.ours else AWAY
