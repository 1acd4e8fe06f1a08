"""What tells a form that is sent again from a new one: the key that it carries, for the store's idempotency keys."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.auth.typed_form import CARRIED, ONCE

_APART = (*CARRIED, ONCE, "back")
"""Fields that say nothing of what a form asks for."""


def form_repetition(fields: Mapping[str, str], visitor: SignedInPerson, about: str) -> tuple[str | None, str]:
    """Return the store's key of a form (None where it carries none), and the text that tells its contents.

    `about`: which command it is and to which incident; a form about several has a key for each.
    """
    if not fields.get(ONCE):
        return None, ""
    name = hashlib.sha256(f"{visitor.caller.name}\n{fields[ONCE]}\n{about}".encode("utf-8", "replace")).hexdigest()
    said = "\n".join(f"{field}={value}" for field, value in sorted(fields.items()) if field not in _APART)
    return f"form:{name}", hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()
