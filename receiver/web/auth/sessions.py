"""A person's session with the console: what the cookie says, and the forms that only its pages can send."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from receiver.model.base import to_ms
from receiver.web.auth.tokens import Caller, TokenCheck

COOKIE = "receiver_session"
LIFE = timedelta(hours=12)
"""A shift. Its token's end in the configuration is an earlier end, for it signs with that."""
_VALUE = re.compile(r"([0-9]{13})\.([0-9a-f]{32})\.([0-9a-f]{64})")


@dataclass(frozen=True)
class Session:
    """A session that holds: who has it, and the word that each of its forms carries."""

    caller: Caller
    word: str


class Sessions:
    """Sessions that are signed with what is known of a token, and kept nowhere.

    So every replica knows them, a restart ends none, and a token that leaves the configuration takes its own with it;
    what the caller may do is what the token may do at that moment.
    """

    def __init__(self, gate: TokenCheck) -> None:
        """`gate` knows the tokens in force."""
        self.gate = gate

    def begin(self, token: str, now: datetime) -> str | None:
        """Return the cookie of a new session for who has `token`, None when nobody has it."""
        found = self.gate.known(token)
        if found is None:
            return None
        said = f"{to_ms(now + LIFE)}.{secrets.token_hex(16)}"
        return f"{said}.{_signed(found[0], 'session', said)}"

    def find(self, value: str | None, now: datetime) -> Session | None:
        """Return the session that a cookie names; None when it has ended, was changed, or its token is gone."""
        parts = _VALUE.fullmatch(value or "")
        if parts is None or int(parts[1]) <= to_ms(now):
            return None
        said, found = f"{parts[1]}.{parts[2]}", None
        for key, caller in self.gate.keys:
            if hmac.compare_digest(_signed(key, "session", said), parts[3]):
                both = Caller(found.caller.name, found.caller.scopes | caller.scopes) if found else caller
                found = Session(both, _signed(key, "form", said))
        return found


def _signed(key: bytes, purpose: str, said: str) -> str:
    return hmac.new(key, f"receiver console {purpose}\n{said}".encode(), hashlib.sha256).hexdigest()


def own_page(request: web.Request) -> bool:
    """Return whether a form was sent by a page of this host, or by what is no browser: browsers say where it is from.

    The name in Host is compared, not the scheme: TLS may end before us.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    # An origin is a scheme and a host, and nothing else: it is compared, not parsed, for anybody may write nonsense.
    _, there, host = origin.partition("://")
    return bool(there and host) and host == request.host


def cookie_of(request: web.Request) -> str | None:
    """Return the value of the session's cookie, None without one; the last one counts.

    Only this one is looked for: reading a header full of others takes milliseconds.
    """
    found = None
    for part in ";".join(request.headers.getall("Cookie", [])).split(";"):
        name, _, value = part.partition("=")
        if name.strip() == COOKIE:
            found = value.strip()
    return found


def within(path: str) -> str:
    """Return `path` when it leads to a page of this host, and the first page otherwise."""
    plain = re.fullmatch(r"/(?![/\\])[!-\[\]-~]{0,500}", path)
    return path if plain and not path.startswith(("/login", "/logout")) else "/"
