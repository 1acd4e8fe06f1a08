"""`GET /api/docs`: the API's own description for people, built from the document that programs read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from receiver.web.api.operations import OPERATIONS, Operation
from receiver.web.html_pages import HtmlPages
from receiver.web.http.compression import SAME
from receiver.web.http.query_parameters import no_query
from receiver.web.openapi.openapi_page import document


@dataclass(frozen=True)
class Row:
    """A parameter or a field."""

    name: str
    kind: str
    text: str
    needed: bool = False


@dataclass(frozen=True)
class Entry:
    """One operation on the page."""

    method: str
    path: str
    summary: str
    description: str
    rows: Sequence[Row] = field(default=())
    answers: str = ""


class DocsPage:
    """The page; it never changes while the process runs, so a stranger's request costs nothing."""

    def __init__(self, pages: HtmlPages) -> None:
        """Create it with the templates."""
        self.pages = pages
        self._made: tuple[str, web.Response] | None = None

    async def page(self, request: web.Request) -> web.Response:
        """Return every operation, for anyone."""
        no_query(request)
        root = self.pages.root()
        if self._made is None or self._made[0] != root:
            known: list[Operation] = request.app[OPERATIONS]
            self._made = root, self.pages.render("docs.html", groups=groups(document(known)))
        made = self._made[1]
        response = web.Response(body=made.body, headers=made.headers)
        response[SAME] = True
        return response


def groups(described: Mapping[str, Any]) -> list[tuple[str, list[Entry]]]:
    """Return the operations of an OpenAPI document by tag, tags in order."""
    found: dict[str, list[Entry]] = {}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            entry = Entry(
                method.upper(), path, operation["summary"], operation["description"],
                tuple(_rows(operation, described["components"]["schemas"])), ", ".join(operation["responses"]),
            )  # fmt: skip
            found.setdefault(operation["tags"][0], []).append(entry)
    return sorted(found.items())


def _rows(operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[Row]:
    for item in operation["parameters"]:
        kind = f"{item['in']}, {_kind(item['schema'])}"
        yield Row(item["name"], kind, item.get("description", ""), item.get("required", False))
    body = operation.get("requestBody")
    if body is None:
        return
    schema = _resolved(next(iter(body["content"].values()))["schema"], schemas)
    for name, inner in schema.get("properties", {}).items():
        needed = name in schema.get("required", ())
        yield Row(name, f"body, {_kind(_resolved(inner, schemas))}", inner.get("description", ""), needed)


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    named = schema.get("$ref", "").rpartition("/")[2]
    return schemas[named] if named else schema


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"][:20])
    if "const" in schema:
        return f"{schema['const']}"
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_kind(one) for one in schema[several]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or schema.get("$ref", "any").rpartition("/")[2])
