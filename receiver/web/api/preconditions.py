"""Guards of a change: a valid body, the version that the caller has seen, and an idempotency key."""

from __future__ import annotations

import hashlib
import re
from typing import TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from receiver.model.validation_messages import plain_message
from receiver.web.auth.tokens import Caller
from receiver.web.http import body_reader
from receiver.web.http.error_responses import Refusal

LARGEST = 256 * 1024
"""Maximum size of a request under /api/v1 in bytes: the longest text has 10,000 characters."""
_TAG = re.compile(r'(?:W/)?"(\d{1,12})"')
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

Model = TypeVar("Model", bound=BaseModel)


async def read(request: web.Request, model: type[Model], *, optional: bool = False) -> tuple[Model, bytes]:
    """Return the body as `model`, and the raw body; with `optional` an empty body is an empty object.

    Raises Refusal: 400 with every error, 413, 415.
    """
    if optional and request.content_length in (0, None) and not request.can_read_body:
        raw = b""
    else:
        body_reader.check_head(request, LARGEST)
        raw = await body_reader.read_body(request, LARGEST)
    if optional and not raw.strip():
        raw = b"{}"
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, "bad_json", f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Refusal(400, "bad_body", "the body must be a JSON object")
    return check(model, value), raw


def check(model: type[Model], value: object) -> Model:
    """Return `value` as `model`. Raises Refusal (400) with every error, including unknown fields."""
    try:
        return model.model_validate_json(orjson.dumps(value))
    except orjson.JSONEncodeError:
        # The parsed value may be nested more deeply than can be serialized.
        raise Refusal(400, "bad_body", "the body is nested too deeply") from None
    except ValidationError as error:
        raise refusal_of(error) from None


def refusal_of(error: ValidationError) -> Refusal:
    """Return the refusal that names every error of a body."""
    errors = [
        {"path": ".".join(str(part) for part in one["loc"])[:200], "message": plain_message(one["type"], one["msg"])}
        for one in error.errors(include_url=False, include_input=False)[:50]
    ]
    first = f"{errors[0]['path']}: {errors[0]['message']}" if errors[0]["path"] else errors[0]["message"]
    return Refusal(400, "bad_body", first, errors=errors)


def seen_version(request: web.Request) -> int | None:
    """Return the version in If-Match; None without one or for `*`. Raises Refusal (400) for anything else."""
    given = request.headers.getall("If-Match", [])
    if not given or given == ["*"]:
        return None
    match = _TAG.fullmatch(given[0].strip()) if len(given) == 1 else None
    if match is None:
        raise Refusal(400, "bad_if_match", 'If-Match must be one ETag of the incident, such as "3", or *')
    return int(match[1])


def repetition(request: web.Request, caller: Caller, raw: bytes) -> tuple[str | None, str]:
    """Return the store's key for Idempotency-Key (None without one), and a text that identifies the request.

    Raises Refusal (400) for an invalid key.
    """
    given = request.headers.getall("Idempotency-Key", [])
    if not given:
        return None, ""
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise Refusal(400, "bad_key", "Idempotency-Key must be 1 to 255 visible ASCII characters, once")
    told = hashlib.sha256(f"{request.method} {request.path}\n".encode("utf-8", "replace") + raw).hexdigest()
    name = hashlib.sha256(f"{caller.name}\n{given[0]}".encode()).hexdigest()
    return f"api:{name}", told
