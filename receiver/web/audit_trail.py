"""The audit trail: administrative actions and refused requests, as handlers and the middleware report them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from aiohttp import web

from receiver.store.client.store_errors import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import Caller
from receiver.web.http.audit import CALLER, audit, audit_refusal
from receiver.web.http.client_address import client_of
from receiver.web.http.error_responses import Refusal, shown_path
from receiver.web.http.refusal_log import RefusalLog

AUDITED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
"""Error statuses that are logged with one line each."""


@contextmanager
def audited(parts: AppParts, request: web.Request, caller: Caller, action: str, **more: str | None) -> Iterator[None]:
    """Write the line of an administrative action after it has ended, with any outcome."""
    outcome = "failed"
    try:
        yield
        outcome = "done"
    except Refusal:
        outcome = "refused"
        raise
    except StoreAway:
        outcome = "unavailable"
        raise
    finally:
        peer = client_of(request, parts.config.server.trusted_proxies)
        audit(parts.metrics, action, caller.name, peer, shown_path(request), outcome, **more)


def refusal_auditor(parts: AppParts) -> Callable[[web.Request, Refusal], None]:
    """Return the function that logs a request refused with 401 or 403, at most ten lines a second."""
    lines = RefusalLog()

    def noted(request: web.Request, refusal: Refusal) -> None:
        if refusal.status not in AUDITED:
            return
        left_out = lines.line(parts.clock.monotonic())
        peer = client_of(request, parts.config.server.trusted_proxies)
        caller = request.get(CALLER)
        audit_refusal(parts.metrics, left_out, caller, peer, shown_path(request), int(refusal.status), refusal.reason)

    return noted
