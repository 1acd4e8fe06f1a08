"""A webhook endpoint that accepts CloudEvents."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from aiohttp import web

from tests.fakes.vendor import Ledger, Vendor


class FakeHook(Vendor):
    """Accepts each idempotency key once, and checks the signature if it has the secret."""

    name = "hook"

    def __init__(self, ledger: Ledger | None = None, secret: str = "") -> None:
        super().__init__(ledger)
        self.secret = secret
        self.events: dict[str, dict[str, Any]] = {}

    @property
    def seen(self) -> int:
        return len(self.events)

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/hook", self.handle)]

    def check(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, dict[str, Any], list[str]]:
        errors = []
        if not isinstance(body, dict) or any(not body.get(name) for name in ("specversion", "id", "source", "type")):
            errors.append("not a CloudEvent")
        if request.content_type != "application/cloudevents+json":
            errors.append(f"content type {request.content_type}")
        if not request.headers.get("Idempotency-Key"):
            errors.append("no Idempotency-Key")
        if self.secret:
            expected = "v1=" + hmac.new(self.secret.encode(), raw, hashlib.sha256).hexdigest()
            if not hmac.compare_digest(expected, request.headers.get("X-Receiver-Signature", "")):
                return 401, {"error": "bad signature"}, ["bad signature"]
        return (400, {"errors": errors}, errors) if errors else (202, {}, [])

    def act(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, dict[str, Any], list[str]]:
        status, answer, errors = self.check(request, body, raw)
        if not errors:
            self.events.setdefault(request.headers["Idempotency-Key"], body)
        return status, answer, errors
