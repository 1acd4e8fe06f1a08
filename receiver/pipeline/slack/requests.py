"""Where Slack's users are served: who asks, whether they may, of which incident, and what they are answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog

from receiver.channels.base import DeliveryError, is_set
from receiver.channels.safe_text import clean
from receiver.channels.slack.channel import Slack
from receiver.channels.slack.command_reply import said as said
from receiver.incident.log.command_errors import IllegalCommand, ImpossibleCommand
from receiver.incident.response.slash_parser import SlashCommandError
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.incident import Incident
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.oncall.overrides import PastOverride
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.response.command_handler import IdempotencyKeyReused, UnknownIncident
from receiver.pipeline.response.silences import SilenceFailed
from receiver.store.client.connection import StoreAway
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.shared_documents import SharedDocumentsFull

MEMBERS_FOR = timedelta(minutes=5)
"""How long the members of a user group are remembered."""
AWAY = "The incident store is away: nothing was done. Pages go on. Please try again."

log = structlog.get_logger("receiver.slack")


class ForeignWorkspace(Exception):
    """The request comes from another workspace or app than the configured one."""


@dataclass(frozen=True)
class SlackUser:
    """Who asks, from where."""

    channel: Slack
    """The channel of the configuration that the request belongs to."""
    user: str
    """Slack's id."""
    name: str
    """The key of `people` where Slack's id is there, else the name that Slack gives."""
    place: str
    """The id of the Slack channel."""
    once: str
    """A key against repetition: the request's signature."""
    trigger: str = ""

    @property
    def actor(self) -> Actor:
        """As the timeline names them."""
        return Actor(kind=ActorKind.SLACK, name=self.name)


class SlackRequests:
    """What commands, buttons and events have in common."""

    def __init__(
        self, setting: Callable[[], ActiveConfig], incident_cache: IncidentCache, incidents: IncidentStore
    ) -> None:
        """Nobody's groups are known yet."""
        self.setting = setting
        self.incident_cache = incident_cache
        self.incidents = incidents
        self._members: dict[str, tuple[datetime, frozenset[str]]] = {}

    @property
    def channels(self) -> list[Slack]:
        """The Slack channels of the configuration that requests can be verified for."""
        found = self.setting().channels.values()
        return [one for one in found if isinstance(one, Slack) and is_set(one.settings.signing_secret)]

    def secrets(self) -> list[tuple[str, bytes]]:
        """Return name and signing secret of each of them."""
        return [(one.name, one.settings.signing_secret.get_secret_value().encode()) for one in self.channels]

    def asker(
        self, channel: str, user: Mapping[str, Any], place: str, once: str, *, team: str, app: str, trigger: str = ""
    ) -> SlackUser:
        """Return who asks. Raises Foreign for another workspace or app."""
        slack = next(one for one in self.channels if one.name == channel)
        settings = slack.settings
        if (settings.workspace and team != settings.workspace) or (settings.app and app != settings.app):
            raise ForeignWorkspace("this workspace or app is not the configured one")
        number = str(user.get("id") or "")[:50]
        called = self.person(slack, number, str(user.get("name") or user.get("username") or ""))
        return SlackUser(slack, number, called, place[:50], f"slack {once}", trigger)

    def person(self, channel: Slack, user: str, name: str) -> str:
        """Return the key of `people` whose address on this channel is `user`; else the name, else the id.

        Everybody chooses their own name in Slack: one that is the key of somebody with another address there is told
        apart by the id, so that nobody acts or answers for them.
        """
        people = self.setting().policy.directory.people
        addresses = {key: card.address(channel.name, channel.kind) for key, card in people.items()}
        for key, address in addresses.items():
            if user and address == user:
                return key
        called = clean(name, 80).removeprefix("@")
        taken = any(address and key.casefold() == called.casefold() for key, address in addresses.items())
        if taken:
            return f"{called} ({clean(user, 15) or 'another'})"
        return called or clean(user, 50) or "somebody"

    async def speak(self, url: str, content: Mapping[str, Any]) -> None:
        """Say something to whoever asked, at the address that came with the signed request; only Slack's is called."""
        slack = next((one for one in self.channels if answers_at(url, one.settings.api_url)), None)
        if slack is None:
            return
        try:
            await slack.http.post_json(url, {**content, "replace_original": False})
        except DeliveryError as error:
            log.warning("slack_unheard", reason=error.reason)

    async def allow(self, asker: SlackUser, now: datetime) -> None:
        """Return if `asker` may change something. Raises Impossible with who may."""
        groups = asker.channel.settings.responders
        if not groups:
            return
        for group in groups:
            if asker.user in await self._of(asker.channel, group, now):
                return
        raise ImpossibleCommand("only the configured responders may do that (chat.responders)")

    async def _of(self, channel: Slack, group: str, now: datetime) -> frozenset[str]:
        known = self._members.get(group)
        if known is not None and now - known[0] < MEMBERS_FOR:
            return known[1]
        try:
            told = await channel.api.read("usergroups.users.list", {"usergroup": group}, now)
        except DeliveryError as error:
            if known is not None:
                return known[1]
            raise ImpossibleCommand(f"Slack does not say who is in the responders' group: {error.reason}") from None
        users = told.get("users")
        found = frozenset(user for user in users if isinstance(user, str)) if isinstance(users, list) else frozenset()
        self._members[group] = (now, found)
        return found

    async def meant(self, asker: SlackUser, number: str | None) -> Incident:
        """Return the incident of that id, or whose own channel this is. Raises Misunderstood, Unknown, StoreAway."""
        found = await self.perhaps(asker, number)
        if found is None:
            raise SlashCommandError("name the incident: its id, as INC-2026-0001, may stand anywhere in the command")
        return found

    async def perhaps(self, asker: SlackUser, number: str | None) -> Incident | None:
        """Return the same, or None when no incident is named and this is no incident's channel."""
        if number is not None:
            uid = await self.incidents.uid_of(number)
            incident = await self.incidents.incident(uid) if uid else None
            if incident is None:
                raise UnknownIncident(f"no incident is called {number}")
            return incident
        return await self.incidents.within(asker.place) if asker.place else None


def answers_at(url: str, api: str) -> bool:
    """Return whether `url` is one that Slack may ask to answer at: https under slack.com, or where its API is."""
    try:
        parts, known = urlsplit(url), urlsplit(api)
        here = (parts.scheme, parts.hostname, parts.port) == (known.scheme, known.hostname, known.port)
    except ValueError:
        return False
    host = parts.hostname or ""
    return here or (parts.scheme == "https" and parts.port is None and host.endswith(".slack.com"))


EXCUSED = (
    StoreAway,
    IllegalCommand,
    SlashCommandError,
    ImpossibleCommand,
    UnknownIncident,
    SilenceFailed,
    PastOverride,
    IdempotencyKeyReused,
    SharedDocumentsFull,
)
"""Why a wish cannot be done: whoever asked is told."""


def error_reply(error: Exception) -> dict[str, Any]:
    """Return what somebody is answered whose wish cannot be done, for one of `EXCUSED`."""
    if isinstance(error, StoreAway):
        return said(AWAY)
    more = ""
    if isinstance(error, IllegalCommand) and error.possible and "(possible" not in str(error):
        more = f" (possible: {', '.join(error.possible)})"
    return said(f"{error}{more}")
