"""Distinguishes a repeated form from a new one by a key in the form, which becomes an idempotency key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.auth.typed_form import CARRIED, ONCE

_APART = (*CARRIED, ONCE, "back")
"""Fields that are not part of a form's contents."""


def form_repetition(fields: Mapping[str, str], visitor: SignedInPerson, about: str) -> tuple[str | None, str]:
    """Return the store's key of a form (None if it has none), and a text that identifies its contents.

    `about`: the command and its incident; a form for several incidents has a key for each.
    """
    if not fields.get(ONCE):
        return None, ""
    name = hashlib.sha256(f"{visitor.caller.name}\n{fields[ONCE]}\n{about}".encode("utf-8", "replace")).hexdigest()
    said = "\n".join(f"{field}={value}" for field, value in sorted(fields.items()) if field not in _APART)
    return f"form:{name}", hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()
