"""PagerDuty's Events API v2, according to its documentation."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Any

from aiohttp import web

from tests.fakes.vendor import Ledger, Vendor

ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = ("critical", "error", "warning", "info")


class FakePagerDuty(Vendor):
    """Keeps one alert per routing key and deduplication key, and counts notifications to people."""

    name = "pagerduty"

    def __init__(self, ledger: Ledger | None = None) -> None:
        super().__init__(ledger)
        self.alerts: dict[tuple[str, str], dict[str, Any]] = {}
        self.asked: list[str] = []
        """Deduplication keys that were queried through the REST API."""
        self.refusals: deque[int] = deque()
        """Statuses of the next responses of the REST API."""

    @property
    def seen(self) -> int:
        return self.rung

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v2/enqueue", self.handle), web.get("/incidents", self.find)]

    def limits(self, request: web.Request, body: Any) -> list[tuple[str, int, float]]:
        return [(str(body.get("routing_key")), 120, 60)]

    @property
    def rung(self) -> int:
        """How many notifications were sent to people: a trigger for an open alert notifies no one."""
        return sum(alert["rung"] for alert in self.alerts.values())

    def open(self) -> list[tuple[str, str]]:
        """Return the routing key and deduplication key of every unresolved alert."""
        return [key for key, alert in self.alerts.items() if alert["status"] != "resolved"]

    async def find(self, request: web.Request) -> web.Response:
        """Handle a REST API query for the incidents of a deduplication key."""
        if not request.headers.get("Authorization", "").startswith("Token token="):
            return web.json_response({"error": {"message": "Unauthorized"}}, status=401)
        key = request.query["incident_key"]
        self.asked.append(key)
        if self.refusals:
            return web.json_response({"error": {"message": "Rate Limit Exceeded"}}, status=self.refusals.popleft())
        found = [
            {"id": f"P{number}", "type": "incident", "status": alert["status"], "incident_key": key,
             "html_url": f"https://acme.pagerduty.com/incidents/P{number}"}
            for number, ((_, dedup), alert) in enumerate(self.alerts.items())
            if dedup == key
        ]  # fmt: skip
        return web.json_response({"incidents": found, "limit": 100, "offset": 0, "more": False, "total": None})

    def check(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, dict[str, Any], list[str]]:
        errors = mistakes(body, len(raw))
        if request.content_type != "application/json":
            self.fail(f"content type {request.content_type}")
        if errors:
            return 400, {"status": "invalid event", "message": "Event object is invalid", "errors": errors}, errors
        return 202, {"status": "success", "message": "Event processed", "dedup_key": body["dedup_key"]}, []

    def act(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, dict[str, Any], list[str]]:
        status, answer, errors = self.check(request, body, raw)
        if not errors:
            self._apply(body)
        return status, answer, errors

    def _apply(self, event: dict[str, Any]) -> None:
        key = (event["routing_key"], event["dedup_key"])
        alert = self.alerts.get(key)
        is_open = alert is not None and alert["status"] != "resolved"
        if event["event_action"] == "trigger":
            before = alert or {"rung": 0, "triggers": 0, "status": "resolved"}
            self.alerts[key] = {
                "status": before["status"] if is_open else "triggered",
                "rung": before["rung"] + (0 if is_open else 1),
                "triggers": before["triggers"] + 1,
                "payload": event["payload"],
            }
        elif alert is not None and is_open:
            # A late event, or one for another key, is dropped silently.
            alert["status"] = "resolved" if event["event_action"] == "resolve" else "acknowledged"


def mistakes(body: Any, size: int) -> list[str]:
    """Return why PagerDuty would reject an event."""
    if not isinstance(body, dict):
        return ["Event object is not a JSON object"]
    errors = ["Event exceeds the maximum size"] if size > 512 * 1024 else []
    key, dedup = body.get("routing_key"), body.get("dedup_key")
    if not isinstance(key, str) or len(key) != 32:
        errors.append("Length of 'routing_key' is incorrect (should be 32 characters)")
    if body.get("event_action") not in ACTIONS:
        errors.append("'event_action' is not one of trigger, acknowledge, resolve")
    # Optional at the vendor for a trigger; ours always has one, or each repetition would notify people again.
    if not isinstance(dedup, str) or not 1 <= len(dedup) <= 255:
        errors.append("'dedup_key' is missing or too long")
    if body.get("event_action") == "trigger":
        errors += _trigger(body)
    return errors


def _trigger(body: dict[str, Any]) -> list[str]:
    payload = body.get("payload")
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    errors = [f"'payload.{name}' is missing or blank" for name in ("summary", "source") if not payload.get(name)]
    if len(str(payload.get("summary"))) > 1024:
        errors.append("'payload.summary' is too long")
    if payload.get("severity") not in SEVERITIES:
        errors.append("'payload.severity' is invalid (must be one of: critical, warning, error, info)")
    if not isinstance(payload.get("custom_details", {}), dict):
        errors.append("'payload.custom_details' is not an object")
    if "timestamp" in payload:
        try:
            datetime.fromisoformat(payload["timestamp"])
        except (TypeError, ValueError):
            errors.append("'payload.timestamp' is not ISO 8601")
    if any(not str(image.get("src", "")).startswith("https://") for image in body.get("images", [])):
        errors.append("'images' needs an https src each")
    if any(not str(link.get("href", "")).startswith(("http://", "https://")) for link in body.get("links", [])):
        errors.append("'links' needs an href each")
    return errors
