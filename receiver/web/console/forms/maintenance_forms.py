"""Maintenance windows in the console: the form that creates one, and the button that ends one."""

from __future__ import annotations

from aiohttp import web

from receiver.pipeline.alerts.maintenance_windows import NoSuchWindow, window_of
from receiver.pipeline.response.command_handler import InvalidField
from receiver.store.shared_documents import SharedDocumentsFull
from receiver.web.app_keys import AppParts
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.auth.tokens import allow_every_team
from receiver.web.console.forms.form_values import Fields, marked, moment_of, text_of
from receiver.web.http.error_responses import Refusal

LINE = 300


async def take_window(parts: AppParts, visitor: SignedInPerson, fields: Fields) -> str | None:
    """Create or end a window by `fields`; return the key of the confirmation, None for another form.

    Raises Refusal.
    """
    actor, now = visitor.actor, parts.clock.now()
    if fields.get("end"):
        allow_every_team(visitor.caller)
        try:
            await parts.maintenance_windows.remove(fields["end"], actor, now)
        except NoSuchWindow as unknown:
            raise Refusal(404, "unknown", str(unknown)) from None
        return "end"
    if "matchers" not in fields:
        return None
    allow_every_team(visitor.caller)  # its matchers may suppress the alerts of any team
    name, matchers = text_of(fields, "name"), (text_of(fields, "matchers") or "").splitlines()
    try:
        until = moment_of(fields, "until")
        if not name or len(name) > LINE or until is None or not matchers:
            raise Refusal(400, "bad_form", "write a name, at least one matcher, and when the window ends")
        given = {
            "name": name, "matchers": tuple(line.strip() for line in matchers if line.strip()),
            "from_": moment_of(fields, "from"), "until": until, "timezone": "UTC",
            "components": tuple(marked(fields, "component.")),
            "public_name": (text_of(fields, "public_name") or "")[:200],
        }  # fmt: skip
        await parts.maintenance_windows.add(window_of(given, now), actor, now)
    except InvalidField as unfit:
        raise Refusal(409, "unfit", f"{unfit.path}: {unfit}") from None
    except SharedDocumentsFull as full:
        raise Refusal(409, "full", str(full)) from None
    except ValueError as wrong:
        raise Refusal(400, "bad_form", str(wrong)) from None
    return "window"


def refuse_unknown_form() -> web.Response:
    """Refuse an unknown form. Raises Refusal (400)."""
    raise Refusal(400, "bad_form", "this form belongs to another page; open the page again")
