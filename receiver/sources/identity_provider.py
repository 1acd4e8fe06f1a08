"""An OpenID Connect provider: discovery, its keys, the code flow with PKCE, and its data about a person.

Authlib and joserfc verify tokens; our own client sends the requests, so that limits and errors are those of the other
sources. Importing this module takes 0.2 s, so it is imported only for a configuration with `auth.oidc`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact

from receiver.model.sign_in import ProviderTokens
from receiver.sources.http_client import SourceClient, SourceError

LIMIT = 5.0
"""Timeout of one response of the provider in seconds, because a person waits for it."""
KEEP = 3600.0
"""Seconds for which discovery and keys are cached."""
KEYS_AGAIN = 10.0
"""Seconds between two queries for an unknown key, because a forged token can name any key."""
LEEWAY = 60
"""Seconds by which the clocks of provider and service may differ."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
"""Signatures with a public key. `none` and signatures with the client secret are never accepted."""
OPTIONAL_SCOPES = ("groups", "offline_access")
"""Scopes that not every provider supports; requested if the provider lists them."""


class ProviderError(Exception):
    """The provider refused, or its response cannot be trusted; the text contains no part of a token."""

    def __init__(self, reason: str, text: str) -> None:
        """`reason`: refused, issuer or id_token."""
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True)
class ProviderClient:
    """This service as a client of one provider."""

    issuer: str
    client_id: str
    client_secret: str
    scopes: tuple[str, ...] = ()


class IdentityProvider:
    """One provider. Its discovery document is cached for an hour."""

    def __init__(self, client: ProviderClient, source_client: SourceClient) -> None:
        """Nothing is queried before the first sign-in."""
        self.client = client
        self.source_client = source_client
        self._metadata: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, Any] | None = None

    async def metadata(self, now: float) -> dict[str, Any]:
        """Return the discovery document. Raises SourceError, and ProviderError if it belongs to another issuer."""
        if self._metadata is None or not 0 <= now - self._metadata[0] < KEEP:
            issuer = self.client.issuer
            found = await self._json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if str(found.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
                raise ProviderError("issuer", "the discovery document names another issuer")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not str(found.get(name, "")).startswith(issuer.partition("://")[0]):
                    raise ProviderError("issuer", f"the discovery document has no usable {name}")
            self._metadata = now, found
        return self._metadata[1]

    async def authorization_url(self, back: str, state: str, nonce: str, verifier: str, now: float) -> str:
        """Return the address for the browser to sign in; it returns to `back`. Raises SourceError, ProviderError."""
        found = await self.metadata(now)
        url: str = prepare_grant_uri(
            found["authorization_endpoint"], self.client.client_id, "code", redirect_uri=back,
            scope=" ".join(self._scopes(found)), state=state, nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier), code_challenge_method="S256",
        )  # fmt: skip
        return url

    async def exchange(
        self, code: str, issuer: str | None, back: str, nonce: str, verifier: str, now: float
    ) -> tuple[ProviderTokens, dict[str, Any]]:
        """Return the tokens for `code` and the verified claims about the person. `issuer`: as in the response.

        Raises SourceError, and ProviderError if the code is refused or the ID token is not for this sign-in.
        """
        found = await self.metadata(now)
        promised = bool(found.get("authorization_response_iss_parameter_supported"))
        if (issuer is not None or promised) and issuer != found["issuer"]:
            raise ProviderError("issuer", "the response comes from another issuer")
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        said = await self._token(found, form)
        claims = await self._verified(said.get("id_token"), said["access_token"], nonce, now)
        tokens = ProviderTokens(said["access_token"], str(said.get("refresh_token") or ""), said["id_token"])
        return tokens, await self._with_user_info(tokens, claims, now)

    async def again(self, tokens: ProviderTokens, subject: str, now: float) -> tuple[ProviderTokens, dict[str, Any]]:
        """Return the new tokens, and the provider's current data about the person.

        Raises SourceError if it does not respond, ProviderError if it no longer confirms `subject`.
        """
        claims: dict[str, Any] = {"sub": subject}
        if tokens.refresh:
            form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh}
            said = await self._token(await self.metadata(now), form)
            if said.get("id_token"):
                claims = await self._verified(said["id_token"], said["access_token"], None, now)
            tokens = ProviderTokens(
                said["access_token"],
                str(said.get("refresh_token") or tokens.refresh),
                str(said.get("id_token") or tokens.id_token),
            )
        if claims.get("sub") != subject:
            raise ProviderError("id_token", "the provider's response is about another person")
        return tokens, await self._with_user_info(tokens, claims, now)

    async def sign_out_url(self, tokens: ProviderTokens, back: str, now: float) -> str | None:
        """Return the address for signing out at the provider; None if it has none."""
        end = (await self.metadata(now)).get("end_session_endpoint")
        if not isinstance(end, str) or not end.startswith(("https://", "http://")):
            return None
        given = {"id_token_hint": tokens.id_token, "client_id": self.client.client_id, "post_logout_redirect_uri": back}
        url: str = add_params_to_uri(end, [(name, value) for name, value in given.items() if value])
        return url

    def _scopes(self, found: Mapping[str, Any]) -> list[str]:
        if self.client.scopes:
            return list(dict.fromkeys(("openid", *self.client.scopes)))
        listed = found.get("scopes_supported")
        offered = [name for name in OPTIONAL_SCOPES if isinstance(listed, list) and name in listed]
        return ["openid", "profile", "email", *offered]

    async def _token(self, found: Mapping[str, Any], form: Mapping[str, str]) -> dict[str, Any]:
        headers, fields = {"Accept": "application/json"}, dict(form)
        methods = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if "client_secret_basic" in methods or "client_secret_post" not in methods:
            pair = f"{quote(self.client.client_id, safe='')}:{quote(self.client.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            fields |= {"client_id": self.client.client_id, "client_secret": self.client.client_secret}
        answer = await self.source_client.submit(found["token_endpoint"], fields, headers, LIMIT)
        if answer.status >= 500 or answer.status == 429:
            raise SourceError("status", f"the provider returned {answer.status}")
        said = answer.json() if answer.status == 200 else None
        if not isinstance(said, dict) or not isinstance(said.get("access_token"), str):
            raise ProviderError("refused", f"the provider refused the request for tokens ({answer.status})")
        return said

    async def _verified(self, token: Any, access: str, nonce: str | None, now: float) -> dict[str, Any]:
        found = await self.metadata(now)
        try:
            read = jwt.decode(str(token), await self._key_set(str(token), now), algorithms=ALGORITHMS)
            options = {
                "iss": {"essential": True, "value": found["issuer"]},
                "aud": {"essential": True, "value": self.client.client_id},
            }
            params = {"client_id": self.client.client_id, "nonce": nonce, "access_token": access}
            claims = CodeIDToken(read.claims, read.header, options, params)
            claims.validate(now=round(now), leeway=LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise ProviderError("id_token", f"the ID token is not valid: {type(error).__name__}") from None
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise ProviderError("id_token", "the ID token has no subject")
        return dict(claims)

    async def _key_set(self, token: str, now: float) -> Any:
        wanted = extract_compact(token.encode()).headers().get("kid")
        age = now - self._keys[0] if self._keys is not None else None
        known = self._keys is not None and (wanted is None or any(key.kid == wanted for key in self._keys[1].keys))
        if age is None or not 0 <= age < KEEP or (not known and age >= KEYS_AGAIN):
            listed = await self._json((await self.metadata(now))["jwks_uri"])
            self._keys = now, KeySet.import_key_set({"keys": _for_signatures(listed.get("keys"))})
        assert self._keys is not None  # noqa: S101  (for the type checker)
        return self._keys[1]

    async def _with_user_info(self, tokens: ProviderTokens, claims: dict[str, Any], now: float) -> dict[str, Any]:
        """Add the provider's user info; the claims of the signed ID token take precedence."""
        end = (await self.metadata(now)).get("userinfo_endpoint")
        if not isinstance(end, str):
            return claims
        headers = {"Authorization": f"Bearer {tokens.access}", "Accept": "application/json"}
        answer = await self.source_client.get(end, limit=LIMIT, headers=headers)
        if answer.status >= 500 or answer.status == 429:
            raise SourceError("status", f"the provider returned {answer.status}")
        said = answer.json() if answer.status == 200 else None
        if not isinstance(said, dict):
            raise ProviderError("refused", f"the provider returned nothing about the user ({answer.status})")
        if said.get("sub") != claims["sub"]:
            raise ProviderError("id_token", "the provider's response is about another person")
        return {**said, **claims}

    async def _json(self, url: str) -> dict[str, Any]:
        answer = await self.source_client.get(url, limit=LIMIT, headers={"Accept": "application/json"})
        said = answer.json() if answer.status == 200 else None
        if not isinstance(said, dict):
            raise SourceError("status", f"the provider returned {answer.status}")
        return said


def _for_signatures(listed: Any) -> list[dict[str, Any]]:
    keys = listed if isinstance(listed, list) else []
    return [
        key
        for key in keys
        if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"
    ]
