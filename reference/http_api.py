"""Generates the page of the HTTP API from its OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from receiver.web.openapi_document import document_offered
from reference.table import full, table

INTRODUCTION = """# HTTP API

The service describes its API at `GET /api/openapi.json` (OpenAPI 3.1), which anyone may read;
`receiver openapi` prints the same document, and `GET /api/docs` renders it. This page is generated from that document
(`python -m reference`).

## How to call it

```sh
curl -H 'Authorization: Bearer TOKEN' 'http://127.0.0.1:8080/api/v1/incidents?open=true&severity=SEV-1'
curl -H 'Authorization: Bearer TOKEN' -H 'Content-Type: application/json' -H 'Idempotency-Key: 7f3a' \\
  -d '{"title": "Checkout is slow", "severity": "SEV-2"}' http://127.0.0.1:8080/api/v1/incidents
```

- **Tokens** are in `auth.tokens`, each with scopes: `ingest` (Alertmanager's webhooks), `metrics`, `read`, `respond`,
  `admin`. Without any tokens, which is possible only on the loopback interface, everything is open.
- **Times** are RFC 3339 in UTC, durations are in seconds, severities are `SEV-1` to `SEV-4`. An unknown field
  causes an error that names it.
- **Lists** are `{"items": [...], "next": CURSOR or null}`; pass `next` as `cursor` to get the next page.
- **Errors** are `application/problem+json`: `type`, `title`, `status`, `detail`, and `errors` with the path of each
  error in the body.
- **Idempotency:** a request repeated with the same `Idempotency-Key` is executed once and gets the first response. An
  incident's response has an `ETag`; with `If-Match`, a change is made only if the incident has not changed since (412
  otherwise).
- **503** means that the store is unavailable or that this replica is stopping. Retry; repeat a change with the same
  `Idempotency-Key`, because it may already have been made.

## Webhooks and probes

| path | caller | credential |
|---|---|---|
| `POST /webhooks/alertmanager` | Alertmanager | a token with `ingest`: bearer, or the password of basic auth |
| `POST /webhooks/pagerduty` | PagerDuty | its signature |
| `POST /hooks/twilio/voice` | Twilio: a key pressed during a call | its signature |
| `POST /hooks/twilio/sms` | Twilio: an SMS from a person | its signature |
| `POST /hooks/twilio/status` | Twilio: delivery reports | its signature |
| `POST /hooks/ntfy` | phones, if an ntfy channel has `answers: hook` | a token in the body |
| `POST /slack/commands` | Slack | its signature |
| `POST /slack/interactions` | Slack | its signature |
| `POST /slack/events` | Slack | its signature |
| `POST /-/reload` | you | a token with `admin` |
| `GET /healthz` | Kubernetes: is the process alive? | - |
| `GET /readyz` | Kubernetes: does it accept requests? | - |
| `GET /metrics` | Prometheus | a token with `metrics`, if any token has it |

Alertmanager gets 200 once its notification is stored durably; 400, 401, 413 or 415 for a request that can never be
accepted; and 503 when it should retry. It retries only after a 5xx, so it never gets a 429.
"""
HEADINGS = {"mcp": "MCP", "oncall": "On call"}
"""Headings of tags that are abbreviations or more than one word."""


def page() -> str:
    """Return the page."""
    document = document_offered()
    schemas = document["components"]["schemas"]
    groups: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).extend(_operation(method.upper(), path, operation, schemas))
    lines = [INTRODUCTION]
    for tag, said in sorted(groups.items()):
        lines += [f"## {HEADINGS.get(tag, tag.replace('-', ' ').capitalize())}\n", *said]
    lines += ["## Response bodies\n", *_answers(schemas)]
    return "\n".join(lines).rstrip() + "\n"


def _operation(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> Iterator[str]:
    yield f"### `{method} {path}`\n"
    (good,) = [status for status in operation["responses"] if status.startswith("2")]
    answer = _answer(operation["responses"][good])
    refused = ", ".join(status for status in operation["responses"] if status not in (good, "400", "401", "403", "503"))
    scope = operation["description"].partition(".")[0]  # the rest is explained once, above
    refuses = f" Errors: {refused}." if refused else ""
    yield f"{operation['summary']} {scope}. Returns {good}{answer}.{refuses}\n"
    query = [item for item in operation["parameters"] if item["in"] == "query"]
    if query:
        rows = [(f"`{item['name']}`", _kind(item["schema"], schemas), full(item["description"])) for item in query]
        yield from [*table(("query parameter", "type", "meaning"), rows), ""]
    body = operation.get("requestBody")
    if body is not None:
        given = next(iter(body["content"].values()))["schema"]
        # Alertmanager's own format is described elsewhere.
        schema = schemas[_named(given)] if "$ref" in given and _named(given) != "Notification" else {}
        needed = schema.get("required", ())
        fields = [
            (f"`{name}`", _kind(inner, schemas), "required" if name in needed else "", full(inner.get("description")))
            for name, inner in schema.get("properties", {}).items()
        ]
        if not body["required"]:
            yield "The body is optional.\n"
        if fields:
            yield from [*table(("body field", "type", "", "meaning"), fields), ""]


def _answer(response: dict[str, Any]) -> str:
    content = response.get("content", {})
    said = [f"`{_named(one['schema'])}`" if "$ref" in one["schema"] else f"`{kind}`" for kind, one in content.items()]
    return f" with {', '.join(said)}" if said else ""


def _answers(schemas: dict[str, Any]) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        if name.endswith(("Body", "Patch", "Notification")) or not schema.get("properties"):
            continue
        yield f"### {name}\n"
        needed = schema.get("required", ())
        rows = [
            (f"`{key}`", _kind(inner, schemas), "" if key in needed else "optional")
            for key, inner in schema["properties"].items()
        ]
        yield from [*table(("field", "value", ""), rows), ""]


def _named(schema: dict[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _kind(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    if "$ref" in schema:
        words = schemas[_named(schema)].get("enum")
        return _words(words) if words else f"`{_named(schema)}`"
    if "const" in schema or "enum" in schema:
        return _words(schema.get("enum", [schema.get("const")]))
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(_kind(one, schemas) for one in schema[word]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}), schemas)}"
    return _SAID.get(schema.get("format", ""), _SAID.get(str(schema.get("type")), str(schema.get("type", "anything"))))


_SAID: dict[str, str] = {
    "date-time": "time",
    "date": "day",
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
}


def _words(words: list[Any]) -> str:
    return ", ".join(f"`{word}`" for word in words)
