"""Sign-in through the identity provider, with state, nonce, PKCE, and an authorization code."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, replace

import orjson
import structlog
from aiohttp import web

from receiver.model.base import to_ms
from receiver.model.sign_in import ProviderTokens, SessionRecord, SignInKind
from receiver.pipeline.sign_in.access import access_of, identity_of
from receiver.pipeline.sign_in.providers import ProviderAway, ProviderRefused
from receiver.web.app_keys import AppParts
from receiver.web.auth.sessions import cookie_of, within
from receiver.web.auth.token_sign_in import SignIn
from receiver.web.http.error_responses import Refusal

PATH = "/login/oidc"
BACK = f"{PATH}/callback"
"""The path to which the provider redirects."""
COOKIE = "receiver_oidc"
VALID = 600
"""Maximum duration of a sign-in at the provider, in seconds."""
LONGEST = 4096
"""Maximum length of a code or a state."""

log = structlog.get_logger("receiver.web")


@dataclass(frozen=True)
class Attempt:
    """A sign-in that began in one browser, encrypted in a cookie, so any replica can complete it without the store."""

    state: str
    nonce: str
    verifier: str
    """The PKCE verifier: the code is valid only together with it."""
    back: str
    to: str
    """The page that the person requested."""


class OidcSignIn:
    """`/login/oidc` and `/login/oidc/callback`."""

    def __init__(self, parts: AppParts, sign_in: SignIn) -> None:
        """`sign_in` starts the session."""
        self.parts = parts
        self.sign_in = sign_in
        self.providers = parts.providers

    async def start(self, request: web.Request) -> web.Response:
        """`GET /login/oidc`: redirect the browser to the provider."""
        self._needed()
        now, to = self.parts.clock.now().timestamp(), within(request.query.get("next", "/"))
        made = (secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))
        attempt = Attempt(*made, f"{self.sign_in.base(request)}{BACK}", to)
        failure: ProviderAway | ProviderRefused | None = None
        try:
            url = await self.providers.authorization_url(attempt.back, *made, now)
        except (ProviderAway, ProviderRefused) as error:
            failure = error
        if failure is not None:
            return await self._failed(request, to, failure)
        response = web.Response(status=303, headers={"Location": url})
        sealed = self.providers.seal().close(orjson.dumps(attempt).decode(), now)
        # Lax: the provider redirects from another site, and the browser must send this cookie.
        response.set_cookie(
            COOKIE, sealed, max_age=VALID, path=self._path(), httponly=True, samesite="Lax",
            secure=self.sign_in.secure(request),
        )  # fmt: skip
        return response

    async def callback(self, request: web.Request) -> web.Response:
        """`GET /login/oidc/callback`: start the session if the provider confirms the person's identity."""
        self._needed()
        attempt = self._attempt(request)
        failure: ProviderAway | ProviderRefused | None = None
        try:
            response = await self._let_in(request, attempt)
        except (ProviderAway, ProviderRefused) as error:
            failure = error
        if failure is not None:
            response = await self._failed(request, attempt.to if attempt else "/", failure)
        # Used once, regardless of the result, so that a replayed response finds no attempt.
        secure = self.sign_in.secure(request)
        response.del_cookie(COOKIE, path=self._path(), httponly=True, samesite="Lax", secure=secure)
        return response

    async def _let_in(self, request: web.Request, attempt: Attempt | None) -> web.Response:
        key, now = self.sign_in.sessions.provider_key(), self.parts.clock.now()
        if attempt is None or key is None:
            raise ProviderRefused("state", "This sign-in was not started in this browser, or took too long.")
        tokens, record = await self._signed_in(request, attempt)
        # The cookie of a session is for our own pages only, so one of our pages redirects, not the provider's.
        title = self.parts.config.service.name
        response = self.sign_in.pages.render("redirect.html", title=title, to=attempt.to)
        record = replace(record, checked=to_ms(now), sealed=self.providers.sealed(tokens, now.timestamp()))
        await self.sign_in.enter(request, response, record, key)
        return response

    async def _signed_in(self, request: web.Request, attempt: Attempt) -> tuple[ProviderTokens, SessionRecord]:
        code, error, issuer = (request.query.get(name) for name in ("code", "error", "iss"))
        if error is not None or not code or len(code) > LONGEST:
            # The provider's error text is not shown: anyone can send a browser here with any text.
            raise ProviderRefused("refused", "The identity provider did not sign you in.")
        oidc, now = self.parts.config.auth.oidc, self.parts.clock.now().timestamp()
        tokens, claims = await self.providers.exchange(code, issuer, attempt.back, attempt.nonce, attempt.verifier, now)
        if oidc is None:
            raise ProviderRefused("refused", "Sign-in through the provider was turned off.")
        try:
            who = identity_of(claims, oidc)
        except ValueError:
            raise ProviderRefused("id_token", "The identity provider did not return your identity.") from None
        record = replace(
            self.sign_in.record(request, SignInKind.OIDC, who.subject, who.name),
            email=who.email, groups=tuple(sorted(who.groups)), issuer=oidc.issuer,
        )  # fmt: skip
        if access_of(record, self.parts.config) is None:
            log.warning("sign_in_refused", account=who.subject, kind="groups")
            raise ProviderRefused(
                "groups", f"You are {who.name} at the identity provider, but none of your groups may use this service. "
                "Ask an administrator, then sign in again.", who.subject,
            )  # fmt: skip
        return tokens, record

    async def _failed(self, request: web.Request, to: str, error: ProviderAway | ProviderRefused) -> web.Response:
        kind = error.kind if isinstance(error, ProviderRefused) else "unreachable"
        self.parts.metrics.sign_in_failures.labels(kind).inc()
        log.warning("sign_in_refused", peer=self.sign_in.peer(request), kind=kind, why=error.log)
        if isinstance(error, ProviderAway):
            said = "The identity provider does not respond. Try again, or sign in with a token."
            return self.sign_in.login_page(to, said, 502)
        accounts = (f"account {error.account}",) if error.account else ()
        await self.sign_in.throttle.failed(self.sign_in.peer(request), *accounts)
        return self.sign_in.login_page(to, str(error), 403)

    def _attempt(self, request: web.Request) -> Attempt | None:
        """Return the attempt that this response belongs to; None if it did not begin in this browser."""
        now, sealed = self.parts.clock.now().timestamp(), cookie_of(request, COOKIE)
        text = self.providers.seal().open(sealed, now, VALID) if sealed else None
        state = request.query.get("state", "")[:LONGEST]
        if text is None:
            return None
        attempt = Attempt(**orjson.loads(text))
        return attempt if hmac.compare_digest(attempt.state.encode(), state.encode("utf-8", "replace")) else None

    def _path(self) -> str:
        return f"{self.sign_in.pages.root()}{PATH}"

    def _needed(self) -> None:
        if not self.providers.on:
            raise Refusal(404, "no_provider", "no identity provider is configured")
