"""The text of a refused form: the error page shows it, so that the user does not have to type it again."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from aiohttp import web

from receiver.web.auth.cross_site import is_cross_site

CARRIED = ("word", "confirmed")
"""Fields of a form that no user typed and that no page repeats."""
ONCE = "once"
"""The field by which a repeated form is recognized."""
_KEY = re.compile(r"[0-9a-f.]{8,80}")


@dataclass(frozen=True)
class TypedForm:
    """A form from one of our own pages."""

    fields: dict[str, str]
    word: str
    """The form token of the current session; empty without a session."""


TYPED = web.RequestKey("typed_form", TypedForm)
"""The key under which a request stores its form for the error page."""


def is_ours(request: web.Request, public_url: str | None) -> bool:
    """Return whether the browser reports that a page of this service sent the form.

    Only such a form is repeated: a page of another site must not prefill a form that a person then sends here.
    """
    told = request.headers.get("Sec-Fetch-Site") == "same-origin" or "Origin" in request.headers
    return told and not is_cross_site(request, public_url)


def with_once(fields: dict[str, str]) -> dict[str, str]:
    """Return `fields` with a key: their own, or a new one, which the error page includes for "Send again"."""
    return fields if _KEY.fullmatch(fields.get(ONCE, "")) else {**fields, ONCE: secrets.token_hex(16)}


def keep_typed(request: web.Request, fields: dict[str, str], word: str) -> None:
    """Store the form of `request` for the error page."""
    request[TYPED] = TypedForm({name: value for name, value in fields.items() if name not in CARRIED}, word)
