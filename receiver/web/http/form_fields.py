"""The fields of a form, in which a name may occur several times."""

from __future__ import annotations

from urllib.parse import parse_qsl

from aiohttp import web
from multidict import MultiDict

from receiver.web.http.body_reader import read_body
from receiver.web.http.error_responses import Refusal

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
"""The type that RFC 8058 prefers for one-click unsubscribe; its only field is in the body unencoded."""
FIELDS = 200


async def form_fields(request: web.Request, most: int) -> MultiDict[str]:
    """Return the fields of a form of at most `most` bytes.

    Raises Refusal: 415 for another type of body, 413 for a larger one, 400 for too many fields.
    """
    if request.content_type not in (FORM, MULTIPART):
        raise Refusal(415, "media_type", f"the body must be {FORM}")
    if request.content_length is not None and request.content_length > most:
        raise Refusal(413, "too_large", f"the body is larger than {most} bytes")
    text = (await read_body(request, most)).decode("utf-8", "replace")
    if request.content_type == MULTIPART:
        return _parts(text, str(request.headers.get("Content-Type", "")))
    try:
        return MultiDict(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS))
    except ValueError:
        raise Refusal(400, "bad_form", "the form has too many fields") from None


def _parts(text: str, kind: str) -> MultiDict[str]:
    from email import message_from_string  # noqa: PLC0415  (only a mail provider sends it)

    found: MultiDict[str] = MultiDict()
    whole = message_from_string(f"Content-Type: {kind}\r\n\r\n{text}")
    for part in list(whole.walk())[1 : FIELDS + 1]:
        name = part.get_param("name", header="content-disposition")
        if isinstance(name, str):
            found.add(name, str(part.get_payload()).strip())
    return found
