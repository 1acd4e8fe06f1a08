"""Paths beside `/api/v1` in the OpenAPI document: what others send here, what programs watch, what the public reads."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from receiver.web.status_page import ANSWERS

TAGS = {
    "archive": "Incidents that are over, in and out of the store.",
    "channels": "The ways to the outside world.",
    "dead-letters": "Deliveries that gave up.",
    "events": "What changes, live.",
    "incidents": "Incidents: read them, work on them, review them.",
    "maintenance": "Windows in which nobody is paged.",
    "oncall": "Who is on call, who follows, and who takes over.",
    "operation": "What Kubernetes, Prometheus and operators ask.",
    "pages": "Pages outside any incident.",
    "reports": "Figures against their targets, and the monthly review.",
    "rules": "Severity rules, tried on what came in.",
    "simulate": "What a notification would do.",
    "status": "What the public reads.",
    "webhooks": "What others send here.",
}
"""What each tag holds together."""


@dataclass(frozen=True)
class Other:
    """One method of one path that no operation of the API is."""

    method: str
    path: str
    tag: str
    summary: str
    needs: str
    """What the caller needs."""
    security: tuple[str, ...] = ()
    """Names of security schemes; empty: the document says in words what is needed."""
    body: str = ""
    """Media type of the body; empty: none."""
    kind: str = "application/json"
    refuses: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """A name that no other operation has."""
        words = self.path.replace("{", "").replace("}", "").replace(".", "/").replace("-", "_").strip("/").split("/")
        return "_".join((self.method.lower(), *(word for word in words if word.strip("_"))))


_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"
_NOBODY = "Needs nothing."
OTHERS = (
    Other("POST", "/webhooks/alertmanager", "webhooks", "A notification of Alertmanager, of version 4.",
          "Needs a token with the scope `ingest`, as bearer or as the password of basic authentication.",
          ("token", "basic"), _JSON, refuses=(400, 401, 403, 413, 415, 503)),
    Other("POST", "/webhooks/pagerduty", "webhooks", "A V3 webhook of PagerDuty.", "Needs PagerDuty's signature.",
          body=_JSON, refuses=(400, 401, 413, 415, 503)),
    *(
        Other("POST", f"/slack/{name}", "webhooks", text, "Needs Slack's signature.",
              body=_JSON if name == "events" else _FORM, refuses=(400, 401, 413, 415, 503))
        for name, text in (
            ("commands", "A slash command of Slack."), ("interactions", "A button or form of Slack."),
            ("events", "An event of Slack."),
        )
    ),
    Other("POST", "/hooks/ntfy", "webhooks", "The answer of a person to a page, as ntfy sends it from the phone.",
          "Needs the token of an answer, which is the body.", body="text/plain", refuses=(404, 410, 413, 503)),
    *(
        Other(method, "/-/reload", "operation", "Read the configuration anew; a bad one changes nothing.",
              "Needs a token with the scope `admin`.", ("token",), refuses=(401, 403, 422))
        for method in ("POST", "PUT")
    ),
    Other("GET", "/healthz", "operation", "Whether the process turns, and the state of its parts.", _NOBODY,
          refuses=(503,)),
    Other("GET", "/readyz", "operation", "Whether requests are taken.", _NOBODY, refuses=(503,)),
    Other("GET", "/metrics", "operation", "The metrics, as text or as OpenMetrics.",
          "Needs a token with the scope `metrics` where there is one.", kind="text/plain", refuses=(401, 403)),
    Other("GET", "/api/openapi.json", "operation", "This document.", _NOBODY),
    Other("GET", "/status/feed.atom", "status", "The public status page as an Atom feed.", _NOBODY,
          kind="application/atom+xml"),
    *(
        Other("GET", f"/status/api/v2/{name}.json", "status",
              f"The public status page in Statuspage's form: {name.replace('/', ', ').replace('-', ' ')}.", _NOBODY)
        for name in ANSWERS
    ),
    Other("GET", "/oncall/feeds/{token}.ics", "oncall", "A schedule at a secret address, as iCalendar.",
          "Needs an address that was made for somebody.", kind="text/calendar", refuses=(400, 404)),
)  # fmt: skip


def described(one: Other, said: dict[int, str]) -> dict[str, Any]:
    """Return the operation as the document has it; `said` are the words for refusals."""
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
    for status in one.refuses:
        made["responses"][str(status)] = {
            "description": said.get(status, HTTPStatus(status).phrase),
            "content": problem,
        }
    return made
