"""A person's session with the console: the contents of the cookie, and the token that protects forms."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from receiver.config.settings.service_settings import Auth
from receiver.model.sign_in import SessionRecord, SignInKind
from receiver.web.auth.tokens import Caller, TokenCheck

COOKIE = "receiver_session"
HOST_COOKIE = f"__Host-{COOKIE}"
"""Its name over TLS and at the root of the host: other hosts of the domain cannot set a cookie with this name."""
_VALUE = re.compile(r"([A-Za-z0-9_-]{20,8000})\.([0-9a-f]{64})")


@dataclass(frozen=True)
class Claim:
    """The contents of a valid cookie."""

    record: SessionRecord
    key: bytes
    """The key with which it is signed."""
    caller: Caller | None
    """The caller of the token; None for a session of the identity provider."""
    stored: bool
    """Whether the store had the session when the cookie was written."""

    @property
    def word(self) -> str:
        """The form token in each form of the session's pages; it is not in the cookie."""
        return _signed(self.key, "form", self.record.id)


class Sessions:
    """Cookies signed with a secret of the configuration, so that every replica can verify them without the store.

    Cookies of a token are signed with the hash of the token, those of the provider with the client secret. Removing
    either from the configuration ends its sessions.
    """

    def __init__(self, gate: TokenCheck, auth: Callable[[], Auth]) -> None:
        """`gate` has the tokens in effect."""
        self.gate = gate
        self.auth = auth

    def write(self, record: SessionRecord, key: bytes, *, stored: bool) -> str:
        """Return the value of the cookie of a session. It holds no token."""
        said = [
            record.id, record.kind, record.account, record.name, record.began, record.seen, record.checked,
            record.email, record.groups, record.issuer, stored,
        ]  # fmt: skip
        text = base64.urlsafe_b64encode(orjson.dumps(said)).decode().rstrip("=")
        return f"{text}.{_signed(key, 'session', text)}"

    def provider_key(self) -> bytes | None:
        """Return the key for sessions of the identity provider; None without a provider."""
        oidc = self.auth().oidc
        if oidc is None or not oidc.on:
            return None
        secret = oidc.client_secret.get_secret_value().encode()
        return hmac.new(secret, f"receiver sessions\n{oidc.issuer}\n{oidc.client_id}".encode(), hashlib.sha256).digest()

    def read(self, value: str | None) -> Claim | None:
        """Return the contents of a cookie; None if it was altered, or its key is no longer in the configuration."""
        parts = _VALUE.fullmatch(value or "")
        if parts is None:
            return None
        own = self.provider_key()
        if own is not None and hmac.compare_digest(_signed(own, "session", parts[1]), parts[2]):
            return _claim(parts[1], own, None)
        found: tuple[bytes, Caller] | None = None
        for key, caller in self.gate.keys:
            if hmac.compare_digest(_signed(key, "session", parts[1]), parts[2]):
                found = key, found[1].joined(caller) if found else caller
        return _claim(parts[1], *found) if found else None


def _claim(text: str, key: bytes, caller: Caller | None) -> Claim | None:
    # The signature is valid, so only another release can have written an unknown format.
    try:
        said: list[Any] = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        session, kind, account, name, began, seen, checked, email, groups, issuer, stored = said
        record = SessionRecord(
            session, SignInKind(kind), account, name, began, seen, checked, email, tuple(groups), issuer=issuer
        )
    except (binascii.Error, ValueError, TypeError):
        return None
    return Claim(record, key, caller, bool(stored)) if (record.kind is SignInKind.OIDC) == (caller is None) else None


def _signed(key: bytes, purpose: str, said: str) -> str:
    return hmac.new(key, f"receiver console {purpose}\n{said}".encode(), hashlib.sha256).hexdigest()


def cookie_of(request: web.Request, *names: str) -> str | None:
    """Return the value of the first cookie of `names` (default: a session's), None without; the last value counts.

    Only these are parsed, because parsing a header full of other cookies takes milliseconds.
    """
    wanted, found = names or (HOST_COOKIE, COOKIE), dict[str, str]()
    for part in ";".join(request.headers.getall("Cookie", [])).split(";"):
        name, _, value = part.partition("=")
        if name.strip() in wanted:
            found[name.strip()] = value.strip()
    return next((found[name] for name in wanted if name in found), None)


def within(path: str) -> str:
    """Return `path` if it is a page of this host, and the start page otherwise."""
    plain = re.fullmatch(r"/(?![/\\])[!-\[\]-~]{0,500}", path)
    return path if plain and not path.startswith(("/login", "/logout")) else "/"
