"""What Kubernetes and Prometheus ask. Neither probe depends on the store or a vendor (surfaces.md, HTTP)."""

from __future__ import annotations

import gzip
from typing import Any

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from receiver.config.sections import Scope
from receiver.web.auth import Gate
from receiver.web.errors import answer
from receiver.web.keys import Doors

STILL = 30.0
"""Seconds without a beat after which the loop is taken for dead and the process is started anew (reliability P4)."""


class Probes:
    """`/healthz`, `/readyz` and `/metrics`."""

    def __init__(self, doors: Doors, gate: Gate) -> None:
        """Take what there is to be told about."""
        self.doors = doors
        self.gate = gate

    async def healthz(self, request: web.Request) -> web.Response:
        """200 while the loop turns, 503 when its last beat is older than 30 s."""
        alive = self._still_for() <= STILL
        return answer({"status": "ok" if alive else "stuck", **self._parts()}, 200 if alive else 503)

    async def readyz(self, request: web.Request) -> web.Response:
        """200 while requests are taken, 503 before that and while draining."""
        state = self.doors.state
        word = "draining" if state.draining else "ready" if state.ready else "starting"
        return answer({"status": word, **self._parts()}, 200 if word == "ready" else 503)

    async def metrics(self, request: web.Request) -> web.Response:
        """The metrics, as text or as OpenMetrics when asked for; open unless some token has the scope."""
        if self.gate.guards(Scope.METRICS):
            self.gate.admit(request, Scope.METRICS)
        encode, kind = choose_encoder(request.headers.get("Accept", ""))
        content = encode(self.doors.metrics.registry)
        headers = {"Content-Type": kind, "Vary": "Accept, Accept-Encoding"}
        if _takes_gzip(request.headers.get("Accept-Encoding", "")):
            content = gzip.compress(content, 5, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=content, headers=headers)

    def _still_for(self) -> float:
        return self.doors.clock.monotonic() - self.doors.work.beat_at

    def _parts(self) -> dict[str, Any]:
        doors = self.doors
        away = doors.outage.since
        channels = dict.fromkeys(doors.setting().channels, "complete") | dict.fromkeys(doors.config.off, "off")
        channels |= dict.fromkeys(set(channels).intersection(doors.work.deliver.keys.channels()), "key refused")
        return {
            "loop": {"beat_age_seconds": round(self._still_for(), 3)},
            "store": {
                "up": away is None,
                "durability": doors.connection.level,
                "away_seconds": 0 if away is None else round(doors.clock.monotonic() - away, 1),
            },
            "channels": dict(sorted(channels.items())),
            "mirror": {"open_incidents": len(doors.mirror.open()), "commits_seen": doors.mirror.after},
        }


def _takes_gzip(accepted: str) -> bool:
    for part in accepted.split(","):
        name, _, weight = part.partition(";")
        if name.strip().lower() == "gzip":
            return weight.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
