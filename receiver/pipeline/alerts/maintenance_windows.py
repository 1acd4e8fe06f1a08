"""Maintenance windows, from the configuration and created by people at run time."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from receiver.incident.alerts.alert_storm import storm_after_hold, storm_key
from receiver.incident.alerts.maintenance_hold import WINDOW, in_maintenance, recheck_after_maintenance
from receiver.incident.alerts.maintenance_windows import Window
from receiver.incident.log.command_errors import InvalidField
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, Outcome
from receiver.incident.timers import SHELTER
from receiver.model.base import to_ms
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.incident import Incident
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.response.command_handler import IdempotencyKeyReused
from receiver.pipeline.shared_documents import WINDOWS
from receiver.store.incidents.commit_request import StaleVersion, new_uid
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.shared_documents import SharedDocuments
from receiver.triage.matchers import parse_matcher

LONGEST = timedelta(days=30)
"""Maximum duration of a window."""
FORGOTTEN = timedelta(days=30)
"""How long a one-time window is kept after its end."""

LOOK = timedelta(minutes=1)
"""Time between two checks whether a window still covers a held incident, because a person may have ended it."""
ASKED = ("name", "matchers", "ends", "weekly", "lasts", "zone", "components", "public_name")
"""The fields by which a repeated request is recognized; without `from`, the first request determines the beginning."""

log = structlog.get_logger("receiver.maintenance")


class NoSuchWindow(LookupError):
    """There is no such window, or it is defined in the configuration."""


class MaintenanceWindows:
    """Creates and ends windows."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        shared_documents: SharedDocuments,
        reread: Callable[[], Awaitable[int]],
        incident_cache: IncidentCache,
        incidents: IncidentStore,
        intake: Intake,
    ) -> None:
        """`reread` reads the shared documents, so that an answer already reflects the change."""
        self.setting = setting
        self.shared_documents = shared_documents
        self.reread = reread
        self.incident_cache = incident_cache
        self.incidents = incidents
        self.intake = intake

    def windows(self) -> Sequence[Window]:
        """Return every window, those from the configuration first."""
        return self.setting().maintenance

    async def add(self, window: Window, actor: Actor, now: datetime, *, once: str | None = None) -> Window:
        """Create a window and return it once it is durable. `once`: an idempotency key.

        Raises InvalidField for invalid times, IdempotencyKeyReused, SharedDocumentsFull, StoreAway.
        """
        number = hashlib.sha256(once.encode()).hexdigest()[:16] if once else new_uid()[:16]
        before = next((one for one in self.windows() if one.id == number), None)
        if before is not None:
            if any(getattr(before, name) != getattr(window, name) for name in ASKED):
                raise IdempotencyKeyReused("it was already used for another window")
            return before
        lasts = timedelta(seconds=window.lasts)
        if window.starts is not None and window.ends is not None:
            lasts = window.ends - window.starts
            if window.ends <= now:
                raise InvalidField("until", "it ends before it takes effect (write a time later than now)")
            if lasts <= timedelta():
                raise InvalidField("until", "it ends before it begins (write a time later than `from`)")
        if lasts > LONGEST:
            raise InvalidField("until", f"longer than {LONGEST.days} days (write several windows)")
        made = window.model_copy(update={"id": number, "by": actor.name})
        for old in self.windows():
            if old.id and old.ends is not None and old.ends + FORGOTTEN < now:
                await self.shared_documents.take(WINDOWS, old.id)
        await self.shared_documents.put(WINDOWS, number, made.model_dump(mode="json", exclude={"id"}), only_new=True)
        await self.reread()
        log.info("maintenance_added", window=made.name, id=number, by=actor.name)
        return next(one for one in self.windows() if one.id == number)

    async def remove(self, number: str, actor: Actor, now: datetime) -> Window:
        """End a window: people are paged for the incidents that it held.

        Returns the window as it was. Raises NoSuchWindow, StoreAway.
        """
        found = next((one for one in self.windows() if one.id == number), None)
        if found is None:
            raise NoSuchWindow("there is no such window (windows from the configuration can only be changed there)")
        await self.shared_documents.take(WINDOWS, number)
        await self.reread()
        log.info("maintenance_removed", window=found.name, id=number, by=actor.name)
        for known in self.incident_cache.held(f"{WINDOW}{found.name}"):
            await self._release(known.uid, actor, now)
        return found

    async def on_timer(self, uid: str, now: datetime) -> None:
        """Check whether a window still covers `uid`, because another replica may have ended it. Raises StoreAway."""
        member, incident = f"{uid} {SHELTER}", await self.incidents.incident(uid)
        if incident is None or incident.held_until is None or incident.state.over:
            await self.intake.due.drop_timer(member)
            return
        until = incident.held_until
        ends = [one.holds(now) for one in self.windows() if f"{WINDOW}{one.name}" == incident.held]
        if to_ms(until) not in [to_ms(end) for end in ends if end is not None]:
            await self._release(uid, Actor(kind=ActorKind.TIMER, name=SHELTER), now)
            incident = await self.incidents.incident(uid)
            if incident is None or incident.held_until is None:
                return
        await self.intake.due.later(member, to_ms(max(now, min(until, now + LOOK))))

    async def _storm(self, incident: Incident, now: datetime) -> str:
        # The uid of the storm that stands for the released incidents: the open one, or a new one. The other held
        # incidents come from the cache, because reading all of them for each one would overload the store.
        known, held = await self._open_storm(incident.team), incident.held or ""
        alike = [one for one in self.incident_cache.held(held) if one.team == incident.team]
        storm = None if known else storm_after_hold(held, alike, self.setting().policy)
        if storm is None:
            return known
        await self.intake.storms.open(*storm, self.setting(), now, team=incident.team)
        return await self._open_storm(incident.team)

    async def _open_storm(self, team: str) -> str:
        key = storm_key(team)
        uid, is_open = (await self.incidents.led([key]))[key]
        return uid if is_open else ""

    async def _release(self, uid: str, actor: Actor, now: datetime) -> None:
        for _ in range(3):
            incident = await self.incidents.incident(uid)
            if incident is None or incident.held_until is None or incident.state.over:
                return
            firing = {name for name, record in (await self.incidents.records(uid)).items() if record.firing}
            bodies = await self.incidents.bodies(uid)
            draft = Transition(incident, actor, now)
            alerts = [body.get("labels", {}) for name, body in bodies.items() if name in firing]
            policy = self.setting().policy.of(incident)
            let_out = in_maintenance(policy, alerts or [incident.labels], now) is None
            recheck_after_maintenance(draft, policy, alerts, await self._storm(incident, now) if let_out else "")
            if not draft.events:
                return
            verdict = IntakeDecision(Outcome.UPDATED, draft.events[-1].reason, draft.incident, draft.events)
            try:
                await self.intake.writer.commit(verdict, self.setting(), now)
            except StaleVersion:
                continue
            return


def window_of(given: Mapping[str, Any], now: datetime) -> Window:
    """Return the window that a request describes. Raises InvalidField for an invalid matcher."""
    for index, text in enumerate(given["matchers"]):
        try:
            parse_matcher(text)
        except ValueError as error:
            raise InvalidField(f"matchers.{index}", str(error)) from None
    return Window(
        name=given["name"],
        matchers=tuple(given["matchers"]),
        starts=None if given.get("weekly") else given.get("from_") or now,
        ends=given.get("until"),
        weekly=given.get("weekly"),
        lasts=float(given.get("lasts") or 0),
        zone=given["timezone"],
        components=tuple(given["components"]),
        public_name=given.get("public_name") or "",
    )


def window_shape(window: Window, now: datetime) -> dict[str, Any]:
    """Return a window as the API shows it."""
    ends = window.holds(now)
    begins = window.next(now)
    return {
        "id": window.id or None,
        "name": window.name,
        "matchers": list(window.matchers),
        "components": list(window.components),
        "public_name": window.public_name or None,
        "from": _text(window.starts),
        "until": _text(window.ends),
        "weekly": window.weekly,
        "for": window.lasts or None,
        "timezone": window.zone,
        "by": window.by or None,
        "source": "api" if window.id else "config",
        "active": ends is not None,
        "ends_at": _text(ends),
        "next_at": _text(begins),
    }


def _text(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None
