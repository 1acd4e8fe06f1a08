"""Named moments at which a service process kills itself, added to the release code from outside.

`KILL_AT=name:nth` ends the process with SIGKILL when it reaches that moment for the nth time. Moments of a delivery
count only for pages, because only pages must not be lost.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
from collections.abc import Callable
from typing import Any

from receiver.channels.base import Channel
from receiver.channels.http_client import Http
from receiver.model.incident.event import ActorKind
from receiver.pipeline.intake.incident_writer import IncidentWriter
from receiver.pipeline.intake.intake import Intake
from receiver.store.due.due_set import DueSet
from receiver.store.incidents.incident_store import IncidentStore

HANDED_OVER = 1.0
"""Seconds for a request to be sent to a vendor that never answers it."""

Test = Callable[..., bool]


def _always(*_: Any) -> bool:
    return True


def _of_a_page(_: Any, row: Any, *__: Any) -> bool:
    return bool(row.to.paging)


def _by_pager(channel: Any, *_: Any) -> bool:
    return bool(channel.paging)


def _of_an_incident(members: Any) -> bool:
    # The service's own timers are due at startup.
    return any(not member.startswith("sys ") for member in members)


def _by_a_timer(_: Any, verdict: Any, *__: Any) -> bool:
    return bool(verdict.events) and verdict.events[-1].actor.kind is ActorKind.TIMER


def _rows_of_pages(result: Any) -> bool:
    return any(row.to.paging for row in result)


class Bomb:
    """Counts how often one moment is reached, and kills the process at the nth."""

    def __init__(self, nth: int) -> None:
        self.left = nth

    def tick(self) -> None:
        """Count once; it does not return at the nth time."""
        if self.due():
            self.explode()

    def due(self) -> bool:
        """Count once, and return whether this was the nth time."""
        self.left -= 1
        return self.left == 0

    def explode(self) -> None:
        """End this process like a power failure."""
        os.kill(os.getpid(), signal.SIGKILL)

    def before(self, owner: type, name: str, counts: Test = _always) -> None:
        """Tick before the method runs with arguments that count."""
        original = getattr(owner, name)

        @functools.wraps(original)
        async def wrapped(*args: Any, **more: Any) -> Any:
            if counts(*args):
                self.tick()
            return await original(*args, **more)

        setattr(owner, name, wrapped)

    def after(self, owner: type, name: str, counts: Test = _always, result_counts: Test = _always) -> None:
        """Tick when the method has returned a result that counts, before its caller gets it."""
        original = getattr(owner, name)

        @functools.wraps(original)
        async def wrapped(*args: Any, **more: Any) -> Any:
            result = await original(*args, **more)
            if counts(*args) and result_counts(result):
                self.tick()
            return result

        setattr(owner, name, wrapped)

    def during_send(self) -> None:
        """Explode while a request is at the pager and its response is awaited; the fake does not answer it."""
        original = Http.post

        async def wrapped(http: Http, url: str, data: bytes, headers: Any) -> Any:
            if not url.endswith("/v2/enqueue") or not self.due():
                return await original(http, url, data, headers)
            under_way = asyncio.ensure_future(original(http, url, data, headers))
            await asyncio.wait({under_way}, timeout=HANDED_OVER)
            self.explode()
            return await under_way

        Http.post = wrapped  # type: ignore[method-assign,assignment]


POINTS: dict[str, Callable[[Bomb], None]] = {
    "before_commit": lambda bomb: bomb.before(IncidentStore, "commit"),
    "after_commit": lambda bomb: bomb.after(IncidentStore, "commit"),
    "before_answer": lambda bomb: bomb.after(Intake, "accept"),
    "during_send": lambda bomb: bomb.during_send(),
    "after_vendor_answer": lambda bomb: bomb.after(Channel, "send", counts=_by_pager),
    "before_recorded": lambda bomb: bomb.before(DueSet, "complete", counts=_of_a_page),
    "after_recorded": lambda bomb: bomb.after(DueSet, "complete", counts=_of_a_page),
    "timer_claimed": lambda bomb: bomb.after(DueSet, "claim_timers", result_counts=_of_an_incident),
    "before_step": lambda bomb: bomb.before(IncidentWriter, "commit", counts=_by_a_timer),
    "after_step": lambda bomb: bomb.after(IncidentWriter, "commit", counts=_by_a_timer),
    "at_claim": lambda bomb: bomb.after(DueSet, "claim", result_counts=_rows_of_pages),
}
"""Every named moment, in the order of a page's life."""


def install(spec: str) -> None:
    """Arm `name:nth`; do nothing if it is empty. Raises KeyError for an unknown name."""
    if spec:
        name, _, nth = spec.partition(":")
        POINTS[name](Bomb(int(nth or 1)))
