"""`/api/docs`: the API's own description as a page, for people; it needs no script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from receiver.web.openapi import document
from receiver.web.operations import OPERATIONS, Operation
from receiver.web.pages import Pages
from receiver.web.query import no_query

ENOUGH = 8
"""Values that are listed where only some are allowed; a time zone is one of six hundred."""


class DocsPage:
    """What `/api/openapi.json` says, to be read."""

    def __init__(self, pages: Pages) -> None:
        """Nothing but the table of operations is shown, so nobody need say who they are."""
        self.pages = pages

    async def page(self, request: web.Request) -> web.Response:
        """Every operation: what it needs, what it takes, what it answers."""
        no_query(request)
        known: list[Operation] = request.app[OPERATIONS]
        told = document(known)
        rooms: dict[str, list[dict[str, Any]]] = {}
        for path, methods in told["paths"].items():
            for method, one in methods.items():
                rooms.setdefault(one["tags"][0], []).append(_shown(method.upper(), path, one, told["components"]))
        return self.pages.render("docs.html", version=told["info"]["version"], rooms=rooms)


def _shown(method: str, path: str, one: Mapping[str, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    fields = [
        (item["name"], item["in"], item.get("required", False), _kind(item["schema"]), item.get("description", ""))
        for item in one["parameters"]
    ]
    content = one.get("requestBody", {}).get("content", {})
    for media in content.values():
        model = components["schemas"][media["schema"]["$ref"].rpartition("/")[2]]
        fields += [
            (name, "body", name in model.get("required", ()), _kind(schema), schema.get("description", ""))
            for name, schema in model["properties"].items()
        ]
    answers = [(status, said["description"]) for status, said in one["responses"].items()]
    return {
        "name": one["operationId"], "method": method, "path": path, "summary": one["summary"],
        "needs": one["description"], "fields": fields, "answers": answers,
    }  # fmt: skip


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        values = [str(value) for value in schema["enum"]]
        return " | ".join(values[:ENOUGH]) + (f" | {len(values) - ENOUGH} more" if len(values) > ENOUGH else "")
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(one) for one in schema["anyOf"]))
    kind = str(schema.get("const", schema.get("type", "anything")))
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return f"{kind} ({schema['format']})" if "format" in schema else kind
