"""Paths outside `/api/v1` in the OpenAPI document: webhooks, probes, and public pages."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from receiver.web.status.status_page import ANSWERS

TAGS = {
    "announcements": "Announcements on the public status page.",
    "archive": "Export and import of finished incidents.",
    "channels": "Notification channels.",
    "dead-letters": "Failed deliveries.",
    "events": "Live changes.",
    "incidents": "Incidents: read them, work on them, review them.",
    "maintenance": "Maintenance windows, during which no one is paged.",
    "mcp": "Read-only access for MCP clients.",
    "oncall": "On-call schedules, overrides and hand-offs.",
    "operation": "Probes, metrics and reload.",
    "pages": "Pages outside any incident.",
    "reports": "Figures compared with their targets, and the monthly review.",
    "rules": "Severity rules, evaluated on past notifications.",
    "sessions": "Sessions of the console.",
    "simulate": "Dry runs of notifications.",
    "status": "The public status page.",
    "status-subscribers": "Subscribers of the status page.",
    "status-updates": "Status updates waiting for approval.",
    "teams": "Teams and the alerts that they own.",
    "webhooks": "Webhooks that other systems call.",
}
"""A description of each tag."""


@dataclass(frozen=True)
class Other:
    """One method of one path that is not an operation of the API."""

    method: str
    path: str
    tag: str
    summary: str
    needs: str
    """A sentence about what the caller needs."""
    security: tuple[str, ...] = ()
    """Names of security schemes; empty: only a sentence says what is needed."""
    body: str = ""
    """Media type of the body; empty: none."""
    kind: str = "application/json"
    refuses: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """A unique name."""
        words = self.path.replace("{", "").replace("}", "").replace(".", "/").replace("-", "_").strip("/").split("/")
        return "_".join((self.method.lower(), *(word for word in words if word.strip("_"))))


_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"
_NOBODY = "Needs no token."
OTHERS = (
    Other("POST", "/webhooks/alertmanager", "webhooks", "An Alertmanager notification, version 4.",
          "Needs a token with the scope `ingest`, as a bearer token or as the password of basic authentication.",
          ("token", "basic"), _JSON, refuses=(400, 401, 403, 413, 415, 503)),
    Other("POST", "/webhooks/pagerduty", "webhooks", "A PagerDuty V3 webhook.", "Needs PagerDuty's signature.",
          body=_JSON, refuses=(400, 401, 413, 415, 503)),
    *(
        Other("POST", f"/slack/{name}", "webhooks", text, "Needs Slack's signature.",
              body=_JSON if name == "events" else _FORM, refuses=(400, 401, 413, 415, 503))
        for name, text in (
            ("commands", "A Slack slash command."), ("interactions", "A Slack button or form."),
            ("events", "A Slack event."),
        )
    ),
    Other("POST", "/hooks/ntfy", "webhooks", "A person's response to a page, sent by ntfy from the phone.",
          "Needs an answer token in the body.", body="text/plain", refuses=(404, 410, 413, 503)),
    *(
        Other("POST", f"/hooks/twilio/{name}", "webhooks", text, "Needs Twilio's signature.", body=_FORM,
              kind=kind, refuses=(400, 403, 404, 413, 503))
        for name, text, kind in (
            ("voice", "A key that was pressed during a call.", "text/xml"),
            ("sms", "An incoming SMS.", "text/xml"),
            ("status", "The delivery status of a call or a message.", _JSON),
        )
    ),
    *(
        Other(method, "/-/reload", "operation", "Reload the configuration; an invalid one changes nothing.",
              "Needs a token with the scope `admin`.", ("token",), refuses=(401, 403, 422))
        for method in ("POST", "PUT")
    ),
    Other("POST", "/mcp", "mcp", "Handle one message of the Model Context Protocol (read-only).",
          "Needs a token with the scope `mcp`; if no token has it, the endpoint is off.", ("token",),
          _JSON, refuses=(400, 401, 403, 413, 415)),
    Other("GET", "/healthz", "operation",
          "Liveness: whether the event loop is running, and the state of the service's components.", _NOBODY,
          refuses=(503,)),
    Other("GET", "/readyz", "operation", "Readiness: whether requests are accepted.", _NOBODY, refuses=(503,)),
    Other("GET", "/metrics", "operation", "The metrics, as text or OpenMetrics.",
          "Needs a token with the scope `metrics` if any token has it.", kind="text/plain", refuses=(401, 403)),
    Other("GET", "/api/openapi.json", "operation", "This document.", _NOBODY),
    Other("GET", "/status/feed.atom", "status", "The public status page as an Atom feed.", _NOBODY,
          kind="application/atom+xml"),
    Other("GET", "/status/feed.rss", "status", "The public status page as an RSS feed.", _NOBODY,
          kind="application/rss+xml"),
    Other("GET", "/status/badge.svg", "status", "A badge with the overall status.", _NOBODY, kind="image/svg+xml"),
    Other("GET", "/status/components/{id}/badge.svg", "status", "A badge with the status of a component.", _NOBODY,
          kind="image/svg+xml", refuses=(404,)),
    Other("POST", "/status/subscriptions", "status", "Subscribe by email; a confirmation is sent.", _NOBODY, body=_FORM,
          kind="text/html", refuses=(400, 403, 404, 413, 415, 429, 503)),
    Other("GET", "/status/subscriptions/{token}", "status", "Show a subscription; nothing is changed.",
          "Needs the link from an email.", kind="text/html", refuses=(404, 503)),
    Other("POST", "/status/subscriptions/{token}", "status", "Confirm, change or end a subscription (RFC 8058).",
          "Needs the link from an email.", body=_FORM, kind="text/html", refuses=(400, 404, 413, 415, 503)),
    *(
        Other("GET", f"/status/api/v2/{name}.json", "status",
              f"The public status page in Statuspage's format: {name.replace('/', ', ').replace('-', ' ')}.", _NOBODY)
        for name in ANSWERS
    ),
    Other("GET", "/oncall/feeds/{token}.ics", "oncall", "A schedule at a secret address, as iCalendar.",
          "Needs an address that was created for a person.", kind="text/calendar", refuses=(400, 404)),
)  # fmt: skip


def described(one: Other, said: dict[int, str]) -> dict[str, Any]:
    """Return the operation for the document; `said` has the descriptions of error statuses."""
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    schema = {"type": "object"} if one.kind == _JSON else {"type": "string"}
    made: dict[str, Any] = {
        "operationId": one.name, "summary": one.summary, "description": one.needs, "tags": [one.tag],
        "parameters": [
            {"name": name[1:-1], "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for part in one.path.split("/") for name in [part.removesuffix(".ics")] if name.startswith("{")
        ],
        "responses": {"200": {"description": HTTPStatus.OK.phrase, "content": {one.kind: {"schema": schema}}}},
        "security": [{name: []} for name in one.security],
    }  # fmt: skip
    if one.body:
        taken = {"$ref": "#/components/schemas/Notification"} if "alertmanager" in one.path else {"type": "object"}
        made["requestBody"] = {"required": True, "content": {one.body: {"schema": taken}}}
    # A page for people returns errors as a page.
    refusal = problem | ({one.kind: {"schema": schema}} if one.kind == "text/html" else {})
    for status in one.refuses:
        made["responses"][str(status)] = {
            "description": said.get(status, HTTPStatus(status).phrase),
            "content": refusal,
        }
    return made
