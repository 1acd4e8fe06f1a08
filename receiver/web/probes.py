"""Endpoints for Kubernetes and Prometheus. Neither probe depends on the store or a vendor."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from receiver.config.loader.token_strength import short_names
from receiver.config.settings.service_settings import Scope
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import TokenCheck
from receiver.web.http.compression import takes_gzip
from receiver.web.http.error_responses import answer

STILL = 30.0
"""Seconds without a poll after which the work loop counts as hung, and the process is restarted."""


METRICS_KEPT = 1.0
"""Seconds for which an exposition is cached: it takes some 5 ms to build, and anyone may request it."""
ENCODINGS = 16
"""Maximum number of cached expositions: there are few formats, but many ways to request them."""


class Probes:
    """`/healthz`, `/readyz` and `/metrics`."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the parts that it reports on."""
        self.parts = parts
        self.gate = gate
        self._kept: dict[tuple[str, bool], tuple[float, bytes]] = {}

    async def healthz(self, request: web.Request) -> web.Response:
        """200 while the loop runs, 503 if its last beat is older than 30 s, or a task has not run for that long."""
        alive = max(self._still_for(), self.parts.supervisor.longest_down()) <= STILL
        return answer({"status": "ok" if alive else "stuck", **self._parts()}, 200 if alive else 503)

    async def readyz(self, request: web.Request) -> web.Response:
        """200 while requests are accepted, 503 before that and while draining."""
        state = self.parts.state
        word = "draining" if state.draining else "ready" if state.ready else "starting"
        return answer({"status": word, **self._parts()}, 200 if word == "ready" else 503)

    async def metrics(self, request: web.Request) -> web.Response:
        """The metrics, as text, or as OpenMetrics if requested; open unless a token has the scope."""
        if self.gate.guards(Scope.METRICS):
            self.gate.admit(request, Scope.METRICS)
        encode, kind = choose_encoder(request.headers.get("Accept", ""))
        headers = {"Content-Type": kind, "Vary": "Accept, Accept-Encoding"}
        packed = takes_gzip(request.headers.get("Accept-Encoding", ""))
        if packed:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=self._exposition(encode, kind, packed=packed), headers=headers)

    def _exposition(self, encode: Callable[[CollectorRegistry], bytes], kind: str, *, packed: bool) -> bytes:
        now = self.parts.clock.monotonic()
        made_at, content = self._kept.get((kind, packed), (-METRICS_KEPT, b""))
        if now - made_at < METRICS_KEPT:
            return content
        content = encode(self.parts.metrics.registry)
        if packed:
            content = gzip.compress(content, 5, mtime=0)
        if len(self._kept) >= ENCODINGS:
            self._kept.clear()
        self._kept[kind, packed] = (now, content)
        return content

    def _still_for(self) -> float:
        return self.parts.clock.monotonic() - self.parts.work.polled_at

    def _parts(self) -> dict[str, Any]:
        parts = self.parts
        away = parts.monitor.since
        channels = dict.fromkeys(parts.setting().channels, "complete") | dict.fromkeys(parts.config.off, "off")
        channels |= dict.fromkeys(set(channels).intersection(parts.work.deliver.keys.channels()), "key refused")
        return {
            "loop": {"beat_age_seconds": round(self._still_for(), 3)},
            "store": {
                "up": away is None,
                "durability": parts.connection.server.level,
                "away_seconds": 0 if away is None else round(parts.clock.monotonic() - away, 1),
            },
            "tasks": {
                name: {"running": one.down_since is None, "restarts": one.restarts}
                for name, one in sorted(parts.supervisor.tasks.items())
            },
            "refused": {"owed": len(parts.refused)},
            "tokens": {"short": len(short_names(parts.config.auth, parts.config.server))},
            "channels": dict(sorted(channels.items())),
            "reachability": {"unproved": len(parts.overrides.schedules.unproved(parts.clock.now()))},
            "mirror": {
                "open_incidents": len(parts.incident_cache),
                "commits_seen": parts.incident_cache.after,
                "complete": parts.incident_cache.complete,
            },
        }
