"""Errors as pages for browsers: what happened, and what to do. Programs still get problem documents."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

import orjson
from aiohttp import web
from aiohttp.typedefs import Middleware

from receiver.web.app_keys import AppParts
from receiver.web.auth.typed_form import TYPED
from receiver.web.console.frame import PagerLink, pagers_of
from receiver.web.html_pages import HtmlPages
from receiver.web.http.error_responses import Handler
from receiver.web.http.ready_answer import ReadyAnswer

PROGRAMS = ("/api/", "/webhooks/", "/slack/", "/hooks/", "/metrics", "/healthz", "/readyz", "/-/", "/status")
"""Prefixes of paths for programs, and of the public page."""
WRITTEN = (
    "text", "title", "summary", "cause", "impact", "resolution", "markdown", "name", "matchers", "payload", "option",
    "from", "until", "by", "contact", "first", "last", "at", "expected", "into", "person", "owner", "due",
    "next_update",
)  # fmt: skip
"""Fields that people fill in."""
AGAIN = (403, 503)
"""Error statuses after which the same form may succeed: the session ended, or the store was unavailable."""
ADVICE = {
    400: "Go back and correct the error above.",
    401: "Sign in again.",
    403: "You may not have the permission for this, or the page is older than your session. Open the page again.",
    404: "Check the address, or find the incident in the list.",
    422: "Correct the configuration; `receiver check-config` names every error.",
    409: "Someone else may have changed it first. Open the page again to see its current state.",
    502: "The other system did not accept the request. Check its address and credentials.",
    503: "Try again in a moment.",
}  # fmt: skip


def html_errors(parts: AppParts, pages: HtmlPages) -> Middleware:
    """Return the outermost middleware: a problem document becomes a page if a browser requested one."""

    @web.middleware
    async def turn(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        # First the type: a ReadyAnswer has no headers to check.
        if type(response) is ReadyAnswer or not isinstance(response, web.Response):
            return response
        if response.content_type != "application/problem+json":
            return response
        if "text/html" not in request.headers.get("Accept", "") or request.path.startswith(PROGRAMS):
            return response
        body = response.body
        said = orjson.loads(body) if isinstance(body, bytes) and "Content-Encoding" not in response.headers else {}
        page = pages.render(
            "console/error.html", status=response.status, title=HTTPStatus(response.status).phrase,
            detail=said.get("detail", ""), advice=_advice(request, response.status),
            typed=_typed(request, response.status), back=_back(request.path, posted=request.method == "POST"),
            product=parts.config.service.name, pagers=_pagers(parts, response.status),
        )  # fmt: skip
        page.set_status(response.status)
        for name in ("WWW-Authenticate", "Retry-After", "Allow"):
            if name in response.headers:
                page.headers[name] = response.headers[name]
        return page

    return turn


UNCERTAIN = "The change may have been made. Check first, then try again in a moment."
"""The advice for a form without a key that the store may have executed although it did not answer."""
SAFE = "Send the form again: nothing is done twice."
KEYED = "/incidents/"
"""Forms whose key the store keeps, apart from the declaration of an incident, so that a repetition is recognized."""


class Typed(NamedTuple):
    """A refused form, for its error page."""

    lines: list[tuple[str, str]]
    """The fields that a person filled in: name and text."""
    others: list[tuple[str, str]]
    again: bool
    """Whether the same form may be sent again unchanged."""
    word: str
    promise: str
    """The effect of sending it again if it was already executed; empty if nothing was executed."""


def _typed(request: web.Request, status: int) -> Typed | None:
    form = request.get(TYPED)
    if form is None:
        return None
    lines = [(name, text) for name, text in form.fields.items() if name in WRITTEN and text.strip()]
    others = [(name, text) for name, text in form.fields.items() if not (name in WRITTEN and text.strip())]
    return Typed(lines, others, status in AGAIN, form.word, _promise(request, status))


def _promise(request: web.Request, status: int) -> str:
    if status != HTTPStatus.SERVICE_UNAVAILABLE:
        return ""
    form = request.get(TYPED)
    keyed = request.path.startswith(KEYED) or (form is not None and "declare" in form.fields)
    return SAFE if keyed else UNCERTAIN


def _advice(request: web.Request, status: int) -> str:
    if status == HTTPStatus.SERVICE_UNAVAILABLE and request.method == "POST":
        return UNCERTAIN
    return ADVICE.get(status, "Try again, then see the log.")


def _back(path: str, *, posted: bool) -> str:
    parts = path.split("/")
    if parts[1] == "incidents" and len(parts) > 3 and parts[2].isascii() and len(parts[2]) < 60:
        return f"/incidents/{parts[2]}"
    # A page that could not be shown does not lead to itself; a form leads back to its page.
    known = ("/oncall", "/system", "/reports", "/console/status")
    return next((one for one in known if path.startswith(one) and (posted or path != one)), "/")


def _pagers(parts: AppParts, status: int) -> list[PagerLink]:
    # Where people can acknowledge while the store is unavailable.
    if status != HTTPStatus.SERVICE_UNAVAILABLE:
        return []
    return pagers_of(parts)
