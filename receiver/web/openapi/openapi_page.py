"""The API's own description: OpenAPI 3.1, built from the table of operations."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic.json_schema import models_json_schema

from receiver import __version__
from receiver.model.json_bytes import json_bytes
from receiver.web.api.operations import OPERATIONS, Operation, Parameter
from receiver.web.http.compression import SAME
from receiver.web.json.answer_schemas import SCHEMAS
from receiver.web.openapi.other_paths import OTHERS, TAGS, described

ALWAYS = (400, 401, 403, 503)
"""Errors that every operation may return."""
_PLACE = re.compile(r"\{(\w+)\}")
_SAID = {
    400: "The request is invalid; `errors` names every error.",
    401: "Missing or unknown token.",
    403: "The token lacks the scope.",
    404: "There is no such incident, contact or item.",
    409: "The state does not allow it (`errors` lists what is possible), or the key was used before.",
    412: "The incident is not at the version in If-Match.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    502: "Alertmanager did not answer, or none is configured; nothing was changed.",
    503: "The store is unavailable, or this replica is stopping; retry. Repeat a change with the same Idempotency-Key.",
}


def document(operations: Sequence[Operation], title: str = "receiver", server: str = "/") -> dict[str, Any]:
    """Return the OpenAPI document of `operations`."""
    models = {one.body for one in operations if one.body is not None}
    named = sorted(models, key=lambda model: model.__name__)
    _, bodies = models_json_schema(
        [(model, "validation") for model in named], ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    for other in OTHERS:
        paths.setdefault(other.path, {})[other.method.lower()] = described(other, _SAID)
    tags = sorted({operation["tags"][0] for methods in paths.values() for operation in methods.values()})
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": __version__,
            "summary": "Incidents: read them, work on them, review them.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": server}],
        "tags": [{"name": name, "description": TAGS[name]} for name in tags],
        "paths": paths,
        "components": {
            "schemas": {**bodies.get("$defs", {}), **SCHEMAS},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "The token is the password."},
            },
        },
        "security": [{"token": []}],
    }
    return made


def _operation(one: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "description": f"Needs a token with the scope `{one.scope.value}`.",
        "tags": [one.path.split("/")[3]],
        "parameters": [_place(name) for name in _PLACE.findall(one.path)] + [_parameter(item) for item in one.query],
        "responses": {str(one.status): _good(one)},
    }
    if one.guarded:
        made["parameters"] += [_header("Idempotency-Key", "A repeated request with this key is executed only once.")]
        if "{id}" in one.path:
            made["description"] += " With If-Match, it is executed only if the incident still has that ETag."
    if one.body is not None:
        schema = {"$ref": f"#/components/schemas/{one.body.__name__}"}
        made["requestBody"] = {"required": not one.optional, "content": {"application/json": {"schema": schema}}}
    refuses = {*ALWAYS, *one.refuses, *((413, 415) if one.body is not None else ()), *((409,) if one.guarded else ())}
    for status in sorted(refuses):
        made["responses"][str(status)] = {
            "description": _SAID[status],
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return made


def _good(one: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {"description": HTTPStatus(one.status).phrase}
    if one.answer:
        made["content"] = {one.kind: {"schema": {"$ref": f"#/components/schemas/{one.answer}"}}}
    elif one.kind != "application/json":
        made["content"] = {one.kind: {"schema": {"type": "string"}}}
    return made


def _place(name: str) -> dict[str, Any]:
    whole = {"type": "integer", "minimum": 1, "maximum": 999999}
    text = {"type": "string", "minLength": 1, "maxLength": 100}
    return {"name": name, "in": "path", "required": True, "schema": whole if name == "n" else text}


def _parameter(item: Parameter) -> dict[str, Any]:
    schema = {"type": "array", "items": item.schema} if item.many else item.schema
    made = {"name": item.name, "in": "query", "description": item.text, "schema": schema}
    return {**made, "required": True} if item.needed else made


def _header(name: str, text: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": "^[!-~]{1,255}$"}
    return {"name": name, "in": "header", "description": text, "schema": schema}


class OpenApiPage:
    """The served document; it never changes while the process runs, so it is built once."""

    def __init__(self, root: Callable[[], str]) -> None:
        """It is built for the first request, and again if `root`, the path prefix, has changed."""
        self.root = root
        self._made: tuple[str, bytes] | None = None

    async def page(self, request: web.Request) -> web.Response:
        """`GET /api/openapi.json`: the document, for anyone."""
        root = self.root()
        if self._made is None or self._made[0] != root:
            known: list[Operation] = request.app[OPERATIONS]
            self._made = root, json_bytes(document(known, server=root or "/"))
        response = web.Response(body=self._made[1], content_type="application/json")
        response[SAME] = True
        return response
