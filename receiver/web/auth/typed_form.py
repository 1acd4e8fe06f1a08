"""The text of a refused form: the error page shows it, so that it need not be typed again."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from aiohttp import web

from receiver.web.auth.cross_site import is_cross_site

CARRIED = ("word", "confirmed")
"""Fields of a form that nobody typed and that no page repeats."""
ONCE = "once"
"""The field of a form by which the same one is recognized when it is sent again."""
_KEY = re.compile(r"[0-9a-f.]{8,80}")


@dataclass(frozen=True)
class TypedForm:
    """A form of one of our own pages."""

    fields: dict[str, str]
    word: str
    """What a form of the present session carries; empty where there is no session."""


TYPED = web.RequestKey("typed_form", TypedForm)
"""Where a request keeps its form for the error page."""


def is_ours(request: web.Request, public_url: str | None) -> bool:
    """Return whether the browser says that a page of this service sent the form.

    Only then is it repeated: a page of another site must not put words into a form that a person sends again here.
    """
    told = request.headers.get("Sec-Fetch-Site") == "same-origin" or "Origin" in request.headers
    return told and not is_cross_site(request, public_url)


def with_once(fields: dict[str, str]) -> dict[str, str]:
    """Return `fields` with a key: its own, or a new one, which the error page carries so that "Send again" has it."""
    return fields if _KEY.fullmatch(fields.get(ONCE, "")) else {**fields, ONCE: secrets.token_hex(16)}


def keep_typed(request: web.Request, fields: dict[str, str], word: str) -> None:
    """Keep the form of `request` for the page that says why it was refused."""
    request[TYPED] = TypedForm({name: value for name, value in fields.items() if name not in CARRIED}, word)
