"""The API, version 1: diagnostics of the severity rules, and dry runs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import orjson
from aiohttp import web
from pydantic import AfterValidator, Field

from receiver.config.settings.service_settings import Scope
from receiver.model.alert.alert import BadNotification, Notification, parse_notification
from receiver.model.base import Frozen
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.whatif.dry_run import dry_run
from receiver.web.api.bodies.request_bodies import Moment
from receiver.web.api.operations import Operation, Parameter
from receiver.web.api.preconditions import check
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import TokenCheck, allow_every_team
from receiver.web.http import body_reader
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.http.query_parameters import no_query, read_moment, read_once, read_place
from receiver.web.http.thread_offload import Offload
from receiver.web.json.incident_json import listed
from receiver.web.json.notification_schema import NOTIFICATION
from receiver.web.json.schema_types import WHEN

LARGEST_SIMULATION = 2 * 1024 * 1024
"""Maximum size in bytes of a notification for a dry run: some two thousand alerts."""
LARGE = 1024 * 1024
"""Bytes above which only two dry runs are made at once: each takes ten times its size in memory."""


def _counted(payload: dict[str, Any]) -> dict[str, Any]:
    # The parser of notifications accepts anything that it can read as a number; the API requires a number.
    count = payload.get("truncatedAlerts", 0)
    if isinstance(count, bool) or not isinstance(count, int | float):
        raise ValueError("truncatedAlerts: not a number")
    return payload


class SimulateBody(Frozen):
    """A notification as Alertmanager posts it, with an optional time; or only the notification."""

    payload: Annotated[dict[str, Any], AfterValidator(_counted)] = Field(
        description="The body of a notification, webhook payload version 4.", json_schema_extra=NOTIFICATION
    )
    at: Moment | None = Field(None, description="Simulate this time; default: now.")


class RulesApi:
    """The endpoints at `/api/v1/rules`, and the dry run."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the stored inputs and notifications."""
        self.parts = parts
        self.gate = gate
        self._large = Offload("simulate-large", at_once=2, waiting=4, wait=10)
        self._small = Offload("simulate", at_once=2, waiting=16, wait=10)

    async def unknowns(self, request: web.Request) -> web.Response:
        """`GET /api/v1/rules/unknowns`: the inputs that decisions lacked, and the alert rules to fix."""
        allow_every_team(self.gate.admit(request, Scope.READ))
        no_query(request)
        return answer(listed(await self.parts.unknowns.listing()))

    async def hits(self, request: web.Request) -> web.Response:
        """`GET /api/v1/rules/hits`: alerts by the rule that decided their severity, the most frequent first."""
        allow_every_team(self.gate.admit(request, Scope.READ))
        no_query(request)
        found = await self.parts.rule_hits.listing(self.parts.clock.now())
        return answer(listed([{"rule": one.rule, "today": one.today, "last_30_days": one.month} for one in found]))

    async def history(self, request: web.Request) -> web.Response:
        """`GET /api/v1/rules/history`: the kept notifications, oldest first."""
        allow_every_team(self.gate.admit(request, Scope.READ))
        given = read_once(request, "since", "cursor")
        since = read_moment("since", given["since"]) if "since" in given else None
        items, following = await self.parts.history.page(since, read_place(given.get("cursor")))
        return answer(listed(items, following))

    async def simulate(self, request: web.Request) -> web.Response:
        """`POST /api/v1/simulate`: what a notification would do without earlier incidents; nothing is sent."""
        self.gate.admit(request, Scope.READ)
        no_query(request)
        most = min(self.parts.config.server.max_body, LARGEST_SIMULATION)
        body_reader.check_head(request, most)
        raw = await body_reader.read_body(request, most)
        setting, now = self.parts.setting(), self.parts.clock.now()
        threads = self._large if len(raw) > LARGE else self._small
        made = await threads.run(lambda: _simulated(setting, raw, now))
        return web.Response(body=made, content_type="application/json")


def _simulated(setting: ActiveConfig, raw: bytes, now: datetime) -> bytes:
    # As for the webhook, the parser of notifications replaces text that UTF-8 cannot encode.
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value = None
    at = None
    if isinstance(value, dict) and ("payload" in value or "at" in value):
        given = check(SimulateBody, value)
        raw, at = orjson.dumps(given.payload), given.at
    return orjson.dumps(dry_run(setting, _parsed(raw), at or now))


def _parsed(raw: bytes) -> Notification:
    # A dry run rejects a body with errors; the webhook accepts the readable part, and reports the rest.
    try:
        return parse_notification(raw, in_part=False)
    except BadNotification as bad:
        raise Refusal(400, "bad_notification", bad.detail, errors=bad.errors) from None


def rules_operations(api: RulesApi) -> list[Operation]:
    """Return the operations for severity rules."""
    read = Scope.READ
    since = Parameter("since", "Only notifications received since this time (RFC 3339).", WHEN)
    cursor = Parameter(
        "cursor",
        "The `next` of the previous page.",
        {"type": "string", "pattern": "^[0-9]{15}-[0-9a-f]{12}$"},
    )
    return [
        Operation("GET", "/api/v1/rules/unknowns", read, "Labels and values that were missing.", api.unknowns,
                  "UnknownList"),
        Operation("GET", "/api/v1/rules/hits", read, "Alerts by rule, today (UTC) and in the last 30 days.", api.hits,
                  "RuleHitList"),
        Operation("GET", "/api/v1/rules/history", read, "Stored notifications, oldest first.", api.history,
                  "KeptList", query=(since, cursor)),
        Operation("POST", "/api/v1/simulate", read, "What a notification would do; nothing is stored or sent.",
                  api.simulate, "Simulated", SimulateBody),
    ]  # fmt: skip
