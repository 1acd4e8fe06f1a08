"""Who looks at the console: signing in and out, and the door before each of its pages."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

import structlog
from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.web.app_keys import AppParts
from receiver.web.auth.sessions import COOKIE, LIFE, Sessions, cookie_of, own_page, within
from receiver.web.auth.tokens import BASIC, LOCAL, Caller, TokenCheck, allow, is_loopback
from receiver.web.html_pages import HtmlPages
from receiver.web.http.body_reader import read_body
from receiver.web.http.client_address import client_of
from receiver.web.http.error_responses import Refusal
from receiver.web.http.server import mark_trusted

FORM = "application/x-www-form-urlencoded"
MOST = 16_384
"""Bytes of a form."""

log = structlog.get_logger("receiver.web")


@dataclass(frozen=True)
class SignedInPerson:
    """Who looks at a page."""

    caller: Caller
    word: str = ""
    """What the forms of the page carry; empty without a session."""

    @property
    def signed_in(self) -> bool:
        """Whether there is a session that can be ended."""
        return bool(self.word)

    def may(self, scope: str) -> bool:
        """Return whether a form for `scope` is worth showing: who came by a header has no session to send it with."""
        return scope in self.caller.scopes and (self.signed_in or self.caller is LOCAL)


Show = Callable[[web.Request, SignedInPerson], Awaitable[web.Response]]
Take = Callable[[web.Request, SignedInPerson, dict[str, str]], Awaitable[web.Response]]
Handler = Callable[[web.Request], Awaitable[web.Response]]


class SignIn:
    """`/login` and `/logout`, and who may see and send what."""

    def __init__(self, doors: AppParts, gate: TokenCheck, pages: HtmlPages) -> None:
        """Nothing is kept: a session is what its cookie says (sessions.py)."""
        self.doors = doors
        self.gate = gate
        self.pages = pages
        self.sessions = Sessions(gate)

    def page(self, scope: Scope, show: Show) -> Handler:
        """Return the door before a page: by session or by header; a person without either is led to `/login`."""

        async def handle(request: web.Request) -> web.Response:
            visitor = self._visitor(request)
            if visitor is None:
                return self._led(request)
            allow(visitor.caller, scope)
            return await show(request, visitor)

        return handle

    def form(self, scope: Scope, take: Take) -> Handler:
        """Return the door behind a form of the console: only its own pages send it, for whom they were shown to."""

        async def handle(request: web.Request) -> web.Response:
            visitor = self._visitor(request)
            if visitor is None or not visitor.may(scope):
                # No challenge: a browser that was led here by another page would ask its user for a password.
                raise Refusal(403, "no_session", "forms are for who has signed in at /login; a token has the API")
            fields = await self._fields(request)
            if visitor.signed_in and not hmac.compare_digest(fields.get("word", "").encode(), visitor.word.encode()):
                raise Refusal(403, "foreign_form", "this form is not of your session; open the page anew")
            return await take(request, visitor, fields)

        return handle

    async def login(self, request: web.Request) -> web.Response:
        """`GET /login`: a form for a token; where none is needed, the first page."""
        return self._login(request, within(request.query.get("next", "/")))

    async def sign_in(self, request: web.Request) -> web.Response:
        """`POST /login`: begin a session, and go where the person wanted to."""
        fields = await self._fields(request)
        to, now = within(fields.get("next", "/")), self.doors.clock.now()
        if not self.gate.closed:
            return self._login(request, to)
        value = self.sessions.begin(fields.get("token", ""), now)
        session = self.sessions.find(value, now)
        if value is None or session is None:
            log.warning("sign_in_refused", peer=self._peer(request))
            return self._login(request, to, "This token is not known here.")
        if Scope.READ not in session.caller.scopes:
            return self._login(request, to, "This token is known, but it does not have the scope read.")
        log.info("signed_in", caller=session.caller.name, peer=self._peer(request))
        response = self._seen_next(to)
        response.set_cookie(
            COOKIE, value,
            max_age=int(LIFE.total_seconds()), path=self.pages.root() or "/", httponly=True, samesite="Strict",
            secure=self._secure(request),
        )  # fmt: skip
        return response

    async def sign_out(self, request: web.Request, visitor: SignedInPerson, fields: dict[str, str]) -> web.Response:
        """`POST /logout`: the browser forgets its session."""
        response, path = self._seen_next("/login"), self.pages.root() or "/"
        response.del_cookie(COOKIE, path=path, httponly=True, samesite="Strict", secure=self._secure(request))
        return response

    def _peer(self, request: web.Request) -> str:
        return client_of(request, self.doors.config.server.trusted_proxies)

    def _visitor(self, request: web.Request) -> SignedInPerson | None:
        if not self.gate.closed or "Authorization" in request.headers:
            return SignedInPerson(self.gate.admit(request, Scope.READ, BASIC))
        session = self.sessions.find(cookie_of(request), self.doors.clock.now())
        if session is None:
            return None
        mark_trusted(request, sender=False)
        return SignedInPerson(session.caller, session.word)

    def _led(self, request: web.Request) -> web.Response:
        # What is no browser hears what it always heard: 401, and that a token will do.
        if "text/html" not in request.headers.get("Accept", ""):
            self.gate.admit(request, Scope.READ, BASIC)
        here = within(request.path_qs)
        if request.headers.get("Sec-Fetch-Site") == "cross-site":
            # A link in a chat leads here without the cookie, which is for our own pages: from one of those it comes.
            return self.pages.render("onward.html", title=self.doors.config.service.name, to=here)
        return self._seen_next(f"/login?next={quote(here, safe='/')}")

    def _login(self, request: web.Request, to: str, wrong: str = "") -> web.Response:
        if not self.gate.closed:
            self.gate.admit(request, Scope.READ)
            return self._seen_next(to)
        title = self.doors.config.service.name
        response = self.pages.render("login.html", title=title, to=to, wrong=wrong)
        response.set_status(401 if wrong else 200)
        return response

    async def _fields(self, request: web.Request) -> dict[str, str]:
        if request.content_type != FORM:
            raise Refusal(415, "media_type", f"the body must be {FORM}")
        if not own_page(request):
            raise Refusal(403, "foreign_form", "forms are taken from pages of this host only")
        if request.content_length is not None and request.content_length > MOST:
            raise Refusal(413, "too_large", f"the body is larger than {MOST} bytes")
        raw = await read_body(request, MOST)
        try:
            return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20))
        except ValueError:
            raise Refusal(400, "bad_form", "the form has too many fields") from None

    def _secure(self, request: web.Request) -> bool:
        # Who comes through a tunnel to this machine has no TLS, wherever the others have it.
        public = (self.doors.config.service.public_url or "").startswith("https:")
        return request.secure or (public and not is_loopback(request.host))

    def _seen_next(self, path: str) -> web.Response:
        # 303: whatever was sent here, the page there is asked for.
        return web.Response(status=303, headers={"Location": f"{self.pages.root()}{path}"})
