"""Access to the console: sign-in by token, sign-out, and the check before each page."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import parse_qsl, quote, urlsplit

import structlog
from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.model.sign_in import SessionRecord, SignInKind
from receiver.model.visible_text import encodable
from receiver.pipeline.sign_in.access import access_of
from receiver.web.app_keys import AppParts
from receiver.web.auth.connection_trust import mark_trusted
from receiver.web.auth.sessions import COOKIE, HOST_COOKIE, Sessions, cookie_of, within
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.auth.throttle import Throttle
from receiver.web.auth.tokens import BASIC, Caller, TokenCheck, allow, is_loopback
from receiver.web.auth.typed_form import is_ours, keep_typed, with_once
from receiver.web.html_pages import HtmlPages
from receiver.web.http.audit import CALLER
from receiver.web.http.body_reader import read_body
from receiver.web.http.client_address import client_of
from receiver.web.http.error_responses import Refusal

FORM = "application/x-www-form-urlencoded"
MOST = 16_384
"""Maximum size of a form in bytes."""
MOST_UNKNOWN = 65_536
"""Maximum decompressed size of a form without a valid session, which anyone may send."""
FIELDS = 150
"""Maximum number of fields of a form: a list of incidents has a checkbox for each."""
AGENT = 200
"""Characters of the browser's name that are stored."""

CHECKED = timedelta(minutes=5)
"""Maximum duration of an event stream; then the listener must reconnect, and is checked again."""

log = structlog.get_logger("receiver.web")


Show = Callable[[web.Request, SignedInPerson], Awaitable[web.StreamResponse]]
Take = Callable[[web.Request, SignedInPerson, dict[str, str]], Awaitable[web.Response]]
Listen = Callable[[web.Request, Callable[[], Caller]], Awaitable[web.StreamResponse]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SignIn:
    """`/login` and `/logout`, and the access checks of pages and forms."""

    def __init__(self, parts: AppParts, gate: TokenCheck, pages: HtmlPages) -> None:
        """`parts.sessions` decides which sessions are valid; a cookie names the session (sessions.py)."""
        self.parts = parts
        self.gate = gate
        self.pages = pages
        self.sessions = Sessions(gate, lambda: parts.config.auth)
        self.throttle = Throttle(parts.clock.monotonic)

    def page(self, scope: Scope, show: Show) -> Handler:
        """Return the handler of a page, for a session or a header; without either, it redirects to `/login`."""

        async def handle(request: web.Request) -> web.StreamResponse:
            visitor = await self._visitor(request)
            if visitor is None:
                return self._led(request)
            allow(visitor.caller, scope)
            return self._renewed(request, await show(request, visitor), visitor)

        return handle

    def stream(self, scope: Scope, listen: Listen) -> Handler:
        """Return the handler of an event stream, for a session or a header, which is checked before each event."""

        async def handle(request: web.Request) -> web.StreamResponse:
            visitor, began = await self._visitor(request), self.parts.clock.now()
            if visitor is None:
                raise Refusal(401, "no_session", "sign in at /login")

            caller_of = self._renewed_caller(request)

            def allowed() -> Caller:
                if visitor.session is None:
                    return self.gate.admit(request, scope, BASIC)
                caller = caller_of(visitor.session)
                over = self.parts.sessions.ended_here(visitor.session.id)
                if not caller or over or self.parts.clock.now() - began >= CHECKED:
                    raise Refusal(401, "no_session", "reconnect")
                allow(caller, scope)
                return caller

            return await listen(request, allowed)

        return handle

    def _renewed_caller(self, request: web.Request) -> Callable[[SessionRecord], Caller | None]:
        # The cookie is verified again only after a change of the configuration, or when a token has expired.
        valid: tuple[object, list[tuple[bytes, Caller]]] | None = None
        found: Caller | None = None

        def caller_of(record: SessionRecord) -> Caller | None:
            nonlocal valid, found
            now = self.parts.config, self.gate.keys
            if valid is None or now[0] is not valid[0] or now[1] != valid[1]:
                claim = self.sessions.read(cookie_of(request, self._cookie(request)))
                found, valid = (claim.caller or self._caller(record) if claim else None), now
            return found

        return caller_of

    def form(self, scope: Scope, take: Take, most: int = MOST) -> Handler:
        """Return the handler of a console form: accepted only from the console's own pages and for the same visitor.

        `most`: the maximum size of the form in bytes; `MOST_UNKNOWN` without a session that may send it.
        """

        async def handle(request: web.Request) -> web.StreamResponse:
            visitor = await self._visitor(request)
            known, ours = visitor is not None and visitor.may(scope), is_ours(request, self.parts.config.base_url)
            most_here = most if known else min(most, MOST_UNKNOWN)
            fields = with_once(await self._fields(request, most_here)) if known or ours else {}
            if ours:
                keep_typed(request, fields, visitor.word if visitor is not None and known else "")
            if visitor is None and ours:
                raise Refusal(403, "no_session", "your session has ended, and nothing was changed")
            if visitor is None or not known:
                # No challenge: if another page leads a browser here, it would ask the user for a password.
                raise Refusal(403, "no_session", "forms need a session from /login; with a token, use the API")
            if visitor.signed_in and not hmac.compare_digest(fields.get("word", "").encode(), visitor.word.encode()):
                raise Refusal(403, "foreign_form", "this form belongs to an earlier session; nothing was changed")
            return self._renewed(request, await take(request, visitor, fields), visitor)

        return handle

    async def login(self, request: web.Request) -> web.Response:
        """`GET /login`: the sign-in page; if no sign-in is needed, the start page."""
        to = within(request.query.get("next", "/"))
        return self.login_page(to) if self.gate.closed else self._open_door(request, to)

    async def sign_in(self, request: web.Request) -> web.Response:
        """`POST /login`: start a session of a token, and redirect to the requested page."""
        fields = await self._fields(request)
        to = within(fields.get("next", "/"))
        if not self.gate.closed:
            return self._open_door(request, to)
        found = self.gate.known(fields.get("token", ""))
        if found is None or Scope.READ not in found[1].scopes:
            self.parts.metrics.sign_in_failures.labels("token").inc()
            log.warning("sign_in_refused", peer=self.peer(request), kind="token")
            await self.throttle.failed(self.peer(request))
            return self.login_page(to, self._wrong(fields.get("token", ""), known=found is not None), 401)
        key, caller = found
        record = self.record(request, SignInKind.TOKEN, caller.name, caller.name)
        response = self.seen_next(to)
        await self.enter(request, response, record, key)
        return response

    def _wrong(self, token: str, *, known: bool) -> str:
        expired = self.gate.expired(token)
        if expired:
            return f"{expired[0].upper()}{expired[1:]}."
        return "This token lacks the scope read." if known else "Unknown token."

    async def enter(self, request: web.Request, response: web.Response, record: SessionRecord, key: bytes) -> None:
        """Start the session `record`, and add its cookie to `response`."""
        made, stored = await self.parts.sessions.begin(record, self.parts.clock.now())
        self.parts.metrics.sign_ins.labels(made.kind).inc()
        log.info("person_signed_in", caller=made.name, account=made.account, kind=made.kind, peer=made.peer)
        self._put(request, response, self.sessions.write(made, key, stored=stored))

    async def sign_out(self, request: web.Request, visitor: SignedInPerson, fields: dict[str, str]) -> web.Response:
        """`POST /logout`: end the session, here and at the provider if it supports that."""
        there = None
        if visitor.session is not None:
            await self.parts.sessions.end(visitor.session, self.parts.clock.now())
            there = await self._at_provider(request, visitor.session)
            log.info(
                "person_signed_out", caller=visitor.session.name, kind=visitor.session.kind, peer=self.peer(request)
            )
        if there is None:
            response = self.seen_next("/login")
        else:
            # The redirect after a form may not lead to another host (form-action), but one of our pages may.
            response = self.pages.render("redirect.html", title=self.parts.config.service.name, to="", there=there)
        self._drop(request, response)
        return response

    def record(self, request: web.Request, kind: SignInKind, account: str, name: str) -> SessionRecord:
        """Return a session that is about to begin in the browser of `request`."""
        agent = encodable(request.headers.get("User-Agent", "")[:AGENT])
        return SessionRecord("", kind, account, name, 0, 0, peer=self.peer(request), agent=agent)

    def login_page(self, to: str, wrong: str = "", status: int = 200) -> web.Response:
        """Return the page of `/login`; `wrong`: why the sign-in failed."""
        oidc = self.parts.config.auth.oidc
        provider = urlsplit(oidc.issuer).hostname if oidc is not None and oidc.on else None
        response = self.pages.render(
            "login.html", title=self.parts.config.service.name, to=to, wrong=wrong, provider=provider
        )
        response.set_status(status)
        return response

    def peer(self, request: web.Request) -> str:
        """Return the address of the client that signs in."""
        return client_of(request, self.parts.config.server.trusted_proxies)

    def secure(self, request: web.Request) -> bool:
        """Return whether cookies are sent only over TLS."""
        # A client that uses a tunnel to this machine has no TLS, even if others do.
        public = (self.parts.config.service.public_url or "").startswith("https:")
        return request.secure or (public and not is_loopback(request.host))

    def seen_next(self, path: str) -> web.Response:
        """Return a redirect to one of our pages; with 303 the browser requests it with GET."""
        return web.Response(status=303, headers={"Location": f"{self.pages.root()}{path}"})

    def _open_door(self, request: web.Request, to: str) -> web.Response:
        self.gate.admit(request, Scope.READ)
        return self.seen_next(to)

    async def _visitor(self, request: web.Request) -> SignedInPerson | None:
        if not self.gate.closed or "Authorization" in request.headers:
            return SignedInPerson(self.gate.admit(request, Scope.READ, BASIC))
        claim = self.sessions.read(cookie_of(request, self._cookie(request)))
        if claim is None:
            return None
        found = await self.parts.sessions.find(claim.record, self.parts.clock.now(), stored=claim.stored)
        caller = None if found is None else claim.caller or self._caller(found.record)
        if found is None or caller is None:
            return None
        mark_trusted(request, sender=False)
        request[CALLER] = caller.name
        anew = found.renew or found.stored != claim.stored
        cookie = self.sessions.write(found.record, claim.key, stored=found.stored) if anew else ""
        return SignedInPerson(caller, claim.word, found.record, cookie)

    def _caller(self, record: SessionRecord) -> Caller | None:
        access = access_of(record, self.parts.config)
        return Caller(access.name, access.scopes, access.teams, access.person) if access else None

    async def _at_provider(self, request: web.Request, record: SessionRecord) -> str | None:
        if record.kind is not SignInKind.OIDC or not self.parts.providers.on:
            return None
        back = f"{self.base(request)}/login"
        return await self.parts.providers.sign_out_url(record, back, self.parts.clock.now())

    def base(self, request: web.Request) -> str:
        """Return the address of this service from the view of the browser of `request`."""
        return self.parts.config.base_url or f"{request.scheme}://{request.host}{self.pages.root()}"

    def _renewed(
        self, request: web.Request, response: web.StreamResponse, visitor: SignedInPerson
    ) -> web.StreamResponse:
        ours = any(name in response.cookies for name in (COOKIE, HOST_COOKIE))
        if visitor.cookie and not ours and not response.prepared:
            self._put(request, response, visitor.cookie)
        return response

    def _cookie(self, request: web.Request) -> str:
        return HOST_COOKIE if self.secure(request) and not self.pages.root() else COOKIE

    def _put(self, request: web.Request, response: web.StreamResponse, value: str) -> None:
        limits = self.parts.config.auth.sessions
        response.set_cookie(
            self._cookie(request), value,
            max_age=int(min(limits.idle, limits.absolute).total_seconds()), path=self.pages.root() or "/",
            httponly=True, samesite="Strict", secure=self.secure(request),
        )  # fmt: skip

    def _drop(self, request: web.Request, response: web.Response) -> None:
        response.del_cookie(
            self._cookie(request), path=self.pages.root() or "/", httponly=True, samesite="Strict",
            secure=self.secure(request),
        )  # fmt: skip

    def _led(self, request: web.Request) -> web.Response:
        # A client that is not a browser gets a 401, with the hint that a token is accepted.
        if "text/html" not in request.headers.get("Accept", ""):
            self.gate.admit(request, Scope.READ, BASIC)
        here = within(request.path_qs)
        if request.headers.get("Sec-Fetch-Site") == "cross-site":
            # A browser that follows a link from a chat does not send the cookie: one of our own pages redirects.
            return self.pages.render("redirect.html", title=self.parts.config.service.name, to=here)
        return self.seen_next(f"/login?next={quote(here, safe='/')}")

    async def _fields(self, request: web.Request, most: int = MOST) -> dict[str, str]:
        if request.content_type != FORM:
            raise Refusal(415, "media_type", f"the body must be {FORM}")
        if request.content_length is not None and request.content_length > most:
            raise Refusal(413, "too_large", f"the body is larger than {most} bytes")
        raw = await read_body(request, most)
        try:
            return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS))
        except ValueError:
            raise Refusal(400, "bad_form", "the form has too many fields") from None
