"""The part of Statuspage's management API that the service uses."""

from __future__ import annotations

import hmac
from typing import Any

from aiohttp import web

from tests.fakes.vendor import Ledger, Vendor

KEY = "statuspage-key-0c44"
PAGE = "page"
STATUSES = ("investigating", "identified", "monitoring", "resolved")
CONDITIONS = ("operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance")
Result = tuple[int, Any, list[str]]


class FakeStatuspage(Vendor):
    """Keeps incidents and components of one page."""

    name = "statuspage"

    def __init__(self, ledger: Ledger | None = None) -> None:
        super().__init__(ledger)
        self.incidents: dict[str, dict[str, Any]] = {}
        self.components: dict[str, str] = {}

    @property
    def seen(self) -> int:
        return len(self.incidents)

    def routes(self) -> list[web.RouteDef]:
        base = "/v1/pages/{page}"
        return [
            web.post(f"{base}/incidents", self.handle),
            web.get(f"{base}/incidents/unresolved", self.handle),
            web.get(f"{base}/incidents", self.handle),
            web.get(f"{base}/incidents/{{id}}", self.handle),
            web.patch(f"{base}/incidents/{{id}}", self.handle),
        ]

    def limits(self, request: web.Request, body: Any) -> list[tuple[str, int, float]]:
        return [("key", 60, 60)]

    def check(self, request: web.Request, body: Any, raw: bytes) -> Result:
        return self._run(request, body, keep=False)

    def act(self, request: web.Request, body: Any, raw: bytes) -> Result:
        return self._run(request, body, keep=True)

    def _run(self, request: web.Request, body: Any, keep: bool) -> Result:
        if not hmac.compare_digest(request.headers.get("Authorization", ""), f"OAuth {KEY}"):
            return 401, {"error": "Could not authenticate"}, ["401"]
        if request.match_info["page"] != PAGE:
            return 404, {"error": "page not found"}, ["404"]
        if request.method == "GET" and "id" in request.match_info:
            found = self.incidents.get(request.match_info["id"])
            return (200, found, []) if found else (404, {"error": "incident not found"}, ["404"])
        if request.method == "GET":
            asked, open_only = request.query.get("q", ""), request.path.endswith("/unresolved")
            listed = [
                one
                for one in reversed(self.incidents.values())
                if (one["status"] != "resolved" if open_only else asked.lower() in one["name"].lower())
            ]
            start = (int(request.query.get("page", "1")) - 1) * int(request.query.get("per_page", "100"))
            return 200, listed[start : start + int(request.query.get("per_page", "100"))], []
        given = body.get("incident") if isinstance(body, dict) else None
        errors = mistakes(given, new=request.method == "POST")
        if errors:
            return 422, {"error": errors}, errors
        assert isinstance(given, dict)
        if request.method == "PATCH" and request.match_info["id"] not in self.incidents:
            return 404, {"error": "incident not found"}, ["404"]
        number = request.match_info.get("id") or f"sp{len(self.incidents) + 1:010d}"
        kept = self.incidents.get(number, {"id": number, "page_id": PAGE, "incident_updates": []})
        update = {"id": f"u{len(kept['incident_updates'])}", "status": given["status"], "body": given["body"]}
        made = {**kept, **given, "incident_updates": [update, *kept["incident_updates"]]}
        if keep:
            self.incidents[number] = made
            self.components |= given.get("components", {})
        return (201 if request.method == "POST" else 200), made, []


def mistakes(incident: Any, *, new: bool) -> list[str]:
    """Return why Statuspage would reject an incident."""
    if not isinstance(incident, dict):
        return ["incident is missing"]
    errors = []
    if new and not 1 <= len(incident.get("name", "")) <= 255:
        errors.append("name has 1 to 255 characters")
    if incident.get("status") not in STATUSES or not 1 <= len(incident.get("body", "")) <= 25_000:
        errors.append("status and body")
    if any(value not in CONDITIONS for value in incident.get("components", {}).values()):
        errors.append("components")
    if incident.get("impact_override", "minor") not in ("none", "minor", "major", "critical"):
        errors.append("impact_override")
    if not all(isinstance(value, dict) for value in incident.get("metadata", {}).values()):
        errors.append("metadata: values are objects")
    if not isinstance(incident.get("deliver_notifications"), bool):
        errors.append("deliver_notifications is to be set on purpose")
    return errors
