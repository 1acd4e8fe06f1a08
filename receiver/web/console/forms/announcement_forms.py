"""Announcements in the console: the form that publishes one, and the button that removes one."""

from __future__ import annotations

from datetime import datetime

from pydantic import ValidationError

from receiver.model.base import Frozen
from receiver.model.command import Line, Prose
from receiver.model.validation_messages import first_message
from receiver.pipeline.response.command_handler import InvalidField
from receiver.pipeline.status.announcements import NoSuchAnnouncement
from receiver.store.shared_documents import SharedDocumentsFull
from receiver.web.app_keys import AppParts
from receiver.web.auth.form_repetition import form_repetition
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.console.forms.form_values import Fields, moment_of, text_of
from receiver.web.http.error_responses import Refusal


class _Written(Frozen):
    """The fields of the form."""

    title: Line
    text: Prose
    until: datetime | None


async def take_announcement(parts: AppParts, visitor: SignedInPerson, fields: Fields) -> str | None:
    """Publish or remove an announcement by `fields`; return the key of the confirmation, None for another form.

    Raises Refusal.
    """
    if fields.get("unannounce"):
        try:
            await parts.announcements.remove(fields["unannounce"], visitor.actor)
        except NoSuchAnnouncement as unknown:
            raise Refusal(404, "unknown", str(unknown)) from None
        return "unannounce"
    if not fields.get("announce"):
        return None
    once, _ = form_repetition(fields, visitor, "announce")
    try:
        said = _Written.model_validate(
            {"title": text_of(fields, "title"), "text": text_of(fields), "until": moment_of(fields, "until")}
        )
        now = parts.clock.now()
        await parts.announcements.add(said.title, said.text, said.until, visitor.actor, now, once=once)
    except InvalidField as unfit:
        raise Refusal(409, "unfit", f"{unfit.path}: {unfit}") from None
    except SharedDocumentsFull as full:
        raise Refusal(409, "full", str(full)) from None
    except ValidationError as wrong:
        raise Refusal(400, "bad_form", first_message(wrong)) from None
    except ValueError as wrong:
        raise Refusal(400, "bad_form", str(wrong)) from None
    return "announce"
