"""Grafana's annotations."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tests.fakes.vendor import Ledger, Vendor

TOKEN = "glsa-71aa-token"


class FakeGrafana(Vendor):
    """Keeps annotations by id."""

    name = "grafana"

    def __init__(self, ledger: Ledger | None = None) -> None:
        super().__init__(ledger)
        self.annotations: dict[int, dict[str, Any]] = {}

    @property
    def seen(self) -> int:
        return len(self.annotations)

    def routes(self) -> list[web.RouteDef]:
        base = "/api/annotations"
        return [web.post(base, self.handle), web.patch(f"{base}/{{id}}", self.handle), web.get(base, self.handle)]

    def check(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, Any, list[str]]:
        return self._answer(request, body, act=False)

    def act(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, Any, list[str]]:
        return self._answer(request, body, act=True)

    def _answer(self, request: web.Request, body: Any, *, act: bool) -> tuple[int, Any, list[str]]:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key"}, ["not authenticated"]
        if request.method == "GET":
            tags = set(request.query.getall("tags"))
            return 200, [{"id": n, **one} for n, one in self.annotations.items() if tags <= set(one["tags"])], []
        wrong = mistakes(body, fresh=request.method == "POST")
        if wrong:
            return 400, {"message": wrong}, [wrong]
        number = int(request.match_info.get("id") or 1123 + len(self.annotations) + 1)
        if request.method == "PATCH" and number not in self.annotations:
            return 404, {"message": "annotation not found"}, []
        if act:
            self.annotations[number] = {**self.annotations.get(number, {}), **body}
        said = "Annotation patched" if request.method == "PATCH" else "Annotation added"
        return 200, {"message": said, "id": number}, []


def mistakes(body: Any, *, fresh: bool) -> str | None:
    """Return what Grafana would reject or store differently."""
    if not isinstance(body, dict) or (fresh and not body.get("text")):
        return "text field should not be empty"
    for name in ("time", "timeEnd"):
        if name in body and (not isinstance(body[name], int) or body[name] < 10**12):
            return f"{name} is not in milliseconds"
    if "panelId" in body and "dashboardUID" not in body:
        return "a panel of no dashboard"
    return None if all(isinstance(tag, str) for tag in body.get("tags", [])) else "tags are not strings"
