"""Actions of people in PagerDuty become commands, once, and are not sent back to their page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from receiver.channels.pagerduty import PagerDuty, summary_of
from receiver.model.command import Acknowledge, AddNote, Command, Resolve
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.state import State
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.open_incidents.incident_follower import IncidentFollower
from receiver.pipeline.outbox.private_notices import shown_incident
from receiver.pipeline.response.command_handler import (
    CommandHandler,
    IdempotencyKeyReused,
    IllegalCommand,
    ImpossibleCommand,
    UnknownIncident,
)
from receiver.pipeline.response.pager_addresses import PagerAddresses
from receiver.pipeline.response.reachability_tests import ReachabilityTests
from receiver.sources.http_client import SourceClient, SourceError
from receiver.sources.pagerduty import PagerDutyWebhookEvent, Rest, read
from receiver.store.incidents.incident_store import IncidentStore

OLD = timedelta(days=6)
"""Maximum age of an event: PagerDuty retries for 48 h, and ids are stored for 7 days."""

SOON = timedelta(minutes=5)
"""Time in which an emergency page gets an incident once the store is back."""
LAPSED = "incident.unacknowledged"
ITSELF = "PagerDuty"
"""The actor of an event without a person."""
_ID = re.compile(r"\(([^()\s]{1,100})\)$")
"""The end of a page's title: the incident's id."""

log = structlog.get_logger("receiver.pagerduty")


@dataclass(frozen=True)
class MatchedIncident:
    """The incident of a webhook."""

    incident: Incident
    page: Page
    origin: str | None
    """The key of its page; None: it may be any page of the incident."""


@dataclass(frozen=True)
class PagerDutyEventResult:
    """The result of a webhook."""

    outcome: str
    """`updated`, `duplicate` or `ignored`."""
    reason: str
    incident: str | None = None


class UnknownPage(Exception):
    """Its incident is not known yet; PagerDuty must send the webhook again."""


class PagerDutyEvents:
    """Carries out webhooks of PagerDuty."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        follower: IncidentFollower,
        incidents: IncidentStore,
        respond: CommandHandler,
        source_client: SourceClient,
        proofs: ReachabilityTests,
        addresses: PagerAddresses,
    ) -> None:
        """`source_client`: a client for the REST API, used if a token for it is configured."""
        self.setting = setting
        self.follower = follower
        self.cache = follower.cache
        self.incidents = incidents
        self.respond = respond
        self.source_client = source_client
        self.proofs = proofs
        self.addresses = addresses

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """The signing secrets of webhooks; empty: no webhook is accepted."""
        channels = self.setting().channels.values()
        return tuple(secret for one in channels if isinstance(one, PagerDuty) for secret in one.settings.secrets_in)

    async def take(self, raw: bytes, now: datetime) -> PagerDutyEventResult:
        """Carry out a webhook. Raises StoreAway, and UnknownPage if it must be sent again."""
        try:
            return await self._do(read(raw), now)
        except ValueError as error:
            # A retry would be the same, and a refusal would count against this endpoint at PagerDuty.
            return PagerDutyEventResult("ignored", str(error))
        except SourceError as error:
            raise UnknownPage(error.reason) from None

    async def _do(self, told: PagerDutyWebhookEvent, now: datetime) -> PagerDutyEventResult:
        if told.at is not None and now - told.at > OLD:
            return PagerDutyEventResult("ignored", "too_old")
        await self._learn(told)
        command = command_of(told, now)
        if command is None:
            return PagerDutyEventResult("ignored", "not_for_us")
        # An event that this service sent comes back without an actor. An unacknowledge event is not one of them: the
        # acknowledgement expired in PagerDuty, which notifies again.
        who = told.who or (ITSELF if told.kind == LAPSED else None)
        if who is None:
            return PagerDutyEventResult("ignored", "echo")
        found = await self._find(told, over=isinstance(command, AddNote))
        if not found:
            if isinstance(command, Acknowledge | Resolve) and told.key and await self.proofs.answered(told.key, now):
                return PagerDutyEventResult("updated", "test_page")
            if isinstance(command, Acknowledge | Resolve) and self._to_come(told, now):
                raise UnknownPage("it is about a page that belongs to no incident yet")
            return PagerDutyEventResult("ignored", "no_page_of_ours")
        # PagerDuty may group several incidents into one; the action applies to each of them.
        news = [await self._give(one, command, told, who, now) for one in found]
        return next((one for one in news if one.outcome == "updated"), news[0])

    async def _learn(self, told: PagerDutyWebhookEvent) -> None:
        # Any event about one of our pages has its address, even if the event is not a command.
        marks = (mark for one in self.cache.paged(told.key) for mark in one.pages if mark.key == told.key)
        mark = next(marks, None) if told.key and told.url else None
        if mark is not None and isinstance(self.setting().channels.get(mark.channel), PagerDuty):
            await self.addresses.learn(mark.channel, told.key, told.url)

    async def _give(
        self, found: MatchedIncident, command: Command, told: PagerDutyWebhookEvent, who: str, now: datetime
    ) -> PagerDutyEventResult:
        incident, page = found.incident, found.page
        # An acknowledgement of a page that was withdrawn a moment later answers the incident nonetheless.
        answered = isinstance(command, Acknowledge) and page.ring == incident.ring
        if page.ring != incident.ring or (page.withdrawn and incident.state is not State.MONITORING and not answered):
            return PagerDutyEventResult("ignored", "an_earlier_page", incident.id)
        actor = Actor(kind=ActorKind.PAGERDUTY, name=who)
        once = f"pagerduty {told.id} {incident.uid}"
        try:
            done = await self.respond.act(
                incident.uid, command, actor, now, once=once, what=told.kind, origin=found.origin
            )
        except (IllegalCommand, ImpossibleCommand, UnknownIncident) as illegal:
            log.info("pagerduty_event_skipped", incident=incident.id, kind=told.kind, reason=str(illegal))
            return PagerDutyEventResult("ignored", "not_possible", incident.id)
        except IdempotencyKeyReused:
            # One id belongs to one event; a second one with it cannot be told from a forged repetition.
            return PagerDutyEventResult("duplicate", "seen_before", incident.id)
        if done.repeated:
            return PagerDutyEventResult("duplicate", "seen_before", done.incident.id)
        return PagerDutyEventResult(
            "updated" if done.events else "duplicate", told.kind.rpartition(".")[2], done.incident.id
        )

    def _to_come(self, told: PagerDutyWebhookEvent, now: datetime) -> bool:
        # An emergency page has no incident until it is stored. Until then PagerDuty must retry; otherwise the answer
        # would be ignored, and the next person paged.
        ours = re.match(rf"{re.escape(self.setting().policy.namespace)}/[0-9a-f]{{32}}/[0-9]+/", told.key)
        fresh = told.at is not None and now - told.at < SOON
        return ours is not None and fresh and not any(one.state.over for one in self.cache.paged(told.key))

    async def _find(self, told: PagerDutyWebhookEvent, *, over: bool) -> list[MatchedIncident]:
        # Only pages that this service sent through PagerDuty count, whatever a title says. `over`: include ended
        # incidents, because the note of a person who resolves in PagerDuty arrives after the resolve.
        names = {name: one for name, one in self.setting().channels.items() if isinstance(one, PagerDuty)}
        found = await self._holding({told.key}, names, over=over) if told.key else []
        if found or not told.incident:
            return found
        # If PagerDuty has grouped alerts, the incident's key is empty or foreign; its alerts have our keys.
        for channel in names.values():
            token = channel.settings.api_token.get_secret_value()
            if token:
                keys = await Rest(self.source_client, channel.settings.rest, token).keys(told.incident)
                found = await self._holding(set(keys), names, over=over)
                if found:
                    return found
        return await self._titled(told, names, over=over) if not told.key else []

    async def _holding(self, keys: set[str], channels: Iterable[str], *, over: bool) -> list[MatchedIncident]:
        # The index may lag behind another replica: the page may belong to another or newer incident by now.
        found = holders(await self._incidents(keys, over=over), keys, channels)
        if not found:
            await self.follower.catch_up()
            found = holders(await self._incidents(keys, over=over), keys, channels)
        return found

    async def _incidents(self, keys: Iterable[str], *, over: bool) -> list[Incident]:
        known = {one.uid: one for key in keys for one in self.cache.paged(key)}
        wanted = [uid for uid, one in known.items() if not one.state.over or (over and not one.merged)]
        return await self.incidents.many(wanted)

    async def _titled(
        self, told: PagerDutyWebhookEvent, channels: Iterable[str], *, over: bool
    ) -> list[MatchedIncident]:
        # Without any key, only the complete title identifies the incident: it ends with the incident's id. All pages of
        # the incident have the same title, so all of them are updated.
        number = _ID.search(told.title)
        uid = await self.incidents.uid_of(number[1]) if number else None
        incident = await self.incidents.incident(uid) if uid else None
        if incident is None or told.title != summary_of(shown_incident(incident)):
            return []
        if incident.state.over and (incident.merged or not over):
            return []
        through = set(channels)
        page = next((page for page in reversed(incident.pages) if page.channel in through), None)
        return [MatchedIncident(incident, page, None)] if page is not None else []


def command_of(told: PagerDutyWebhookEvent, now: datetime) -> Command | None:
    """Return the command of a webhook; None: it has none. Pure."""
    kind = told.kind.removeprefix("incident.")
    if kind == "acknowledged":
        return Acknowledge(text="in PagerDuty")
    if kind == "resolved" and not told.merged:
        return Resolve(text="in PagerDuty")
    text = {
        "annotated": told.text,
        # PagerDuty reports a merged incident as resolved, although it continues as part of another one.
        "resolved": "merged into another incident in PagerDuty",
        "status_update_published": f"status update in PagerDuty: {told.text}" if told.text else "",
        "unacknowledged": "no longer acknowledged in PagerDuty",
        "reassigned": f"reassigned in PagerDuty to {', '.join(told.assignees) or 'no one'}",
        "delegated": f"delegated in PagerDuty to {', '.join(told.assignees) or 'no one'}",
    }.get(kind, "")
    if not text.strip():
        return None
    return AddNote(text=text, at=min(told.at, now) if told.at else None)


def holders(incidents: Iterable[Incident], keys: set[str], channels: Iterable[str]) -> list[MatchedIncident]:
    """Return the incidents that sent a page with one of `keys` through one of `channels`, with the newest such page.

    Pure.
    """
    through = set(channels)
    found = []
    for incident in incidents:
        page = next((one for one in reversed(incident.pages) if one.key in keys and one.channel in through), None)
        if page is not None:
            found.append(MatchedIncident(incident, page, page.key))
    return found
