"""Maintenance windows in the console: the form that creates one, and the button that ends one."""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import web
from pydantic import AfterValidator, Field, ValidationError

from receiver.model.base import Frozen
from receiver.model.command import Line, Name
from receiver.model.oncall.rotation_settings import check_weekly
from receiver.model.setting_values import known_zone
from receiver.model.validation_messages import first_message
from receiver.pipeline.alerts.maintenance_windows import NoSuchWindow, window_of
from receiver.pipeline.response.command_handler import IdempotencyKeyReused, InvalidField
from receiver.store.shared_documents import SharedDocumentsFull
from receiver.web.app_keys import AppParts
from receiver.web.auth.form_repetition import form_repetition
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.auth.tokens import allow_every_team
from receiver.web.console.forms.form_values import SENT_BEFORE, Fields, marked, moment_of, number_of, text_of
from receiver.web.http.error_responses import Refusal

LINE = 300
WEEK_MINUTES = 7 * 24 * 60
"""A weekly window that is as long as a week would never end, and its alerts would never page."""


class _Weekly(Frozen):
    """What the form of a weekly window says."""

    name: Line
    matchers: Annotated[tuple[Line, ...], Field(min_length=1, max_length=50)]
    weekly: Annotated[str, AfterValidator(check_weekly)]
    minutes: int = Field(ge=1, lt=WEEK_MINUTES)
    timezone: Annotated[str, AfterValidator(known_zone)]
    components: tuple[Name, ...]
    public_name: Line | None


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
    once, _ = form_repetition(fields, visitor, "window")
    try:
        given = _weekly(fields) if fields.get("every") == "week" else _single(fields)
        await parts.maintenance_windows.add(window_of(given, now), actor, now, once=once)
    except InvalidField as unfit:
        raise Refusal(409, "unfit", f"{unfit.path}: {unfit}") from None
    except SharedDocumentsFull as full:
        raise Refusal(409, "full", str(full)) from None
    except IdempotencyKeyReused:
        raise Refusal(409, "reused_key", SENT_BEFORE) from None
    except ValidationError as wrong:
        raise Refusal(400, "bad_form", first_message(wrong)) from None
    except ValueError as wrong:
        raise Refusal(400, "bad_form", str(wrong)) from None
    return "window"


def _common(fields: Fields) -> dict[str, Any]:
    matchers = (text_of(fields, "matchers") or "").splitlines()
    return {
        "name": text_of(fields, "name"), "matchers": tuple(line.strip() for line in matchers if line.strip()),
        "components": tuple(marked(fields, "component.")),
        "public_name": (text_of(fields, "public_name") or "")[:200] or None,
    }  # fmt: skip


def _single(fields: Fields) -> dict[str, Any]:
    given, until = _common(fields), moment_of(fields, "until")
    if not given["name"] or len(given["name"]) > LINE or until is None or not given["matchers"]:
        raise Refusal(400, "bad_form", "write a name, at least one matcher, and when the window ends")
    return {**given, "from_": moment_of(fields, "from"), "until": until, "timezone": "UTC"}


def _weekly(fields: Fields) -> dict[str, Any]:
    # Browsers may add seconds to the time.
    starts = f"{fields.get('day', '')} {fields.get('at', '')[:5]}"
    said = {"weekly": starts, "minutes": number_of(fields, "minutes"), "timezone": text_of(fields, "timezone")}
    window = _Weekly.model_validate({**_common(fields), **said})
    return {**window.model_dump(exclude={"minutes"}), "lasts": window.minutes * 60}


def refuse_unknown_form() -> web.Response:
    """Refuse an unknown form. Raises Refusal (400)."""
    raise Refusal(400, "bad_form", "this form belongs to another page; open the page again")
