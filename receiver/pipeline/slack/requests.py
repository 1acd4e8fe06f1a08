"""Requests from Slack: their sender, permissions, incident, and answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog

from receiver.channels.base import DeliveryError, is_set
from receiver.channels.safe_text import clean
from receiver.channels.slack.channel import Slack
from receiver.channels.slack.command_reply import said as said
from receiver.incident.log.command_errors import IllegalCommand, ImpossibleCommand
from receiver.incident.response.slash_arguments import SlashCommandError
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.model.incident.visibility import sees
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.oncall.overrides import NoSuchOverride, PastOverride
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.response.command_handler import IdempotencyKeyReused, UnknownIncident
from receiver.pipeline.response.silences import SilenceFailed
from receiver.store.client.connection import StoreAway
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.shared_documents import SharedDocumentsFull

MEMBERS_FOR = timedelta(minutes=5)
"""How long the members of a user group are remembered."""
AWAY = "The incident store is unavailable: nothing was done. Paging continues. Please try again."

log = structlog.get_logger("receiver.slack")


class ForeignWorkspace(Exception):
    """The request comes from a workspace or app that is not the configured one."""


@dataclass(frozen=True)
class SlackUser:
    """Who sent the request, and from where."""

    channel: Slack
    """The configured channel that the request belongs to."""
    user: str
    """Slack's id."""
    name: str
    """The key of `people` with this Slack id, or else the name in Slack."""
    place: str
    """The id of the Slack channel."""
    once: str
    """A key against repetition: the request's signature."""
    trigger: str = ""
    teams: frozenset[str] | None = None
    """The teams of their user groups (`team_groups`); None: the channel has no such groups."""
    acts: bool = False
    """Whether they request a change."""

    @property
    def actor(self) -> Actor:
        """Their name in the timeline."""
        return Actor(kind=ActorKind.SLACK, name=self.name)


class SlackRequests:
    """The common part of commands, buttons and events."""

    def __init__(
        self, setting: Callable[[], ActiveConfig], incident_cache: IncidentCache, incidents: IncidentStore
    ) -> None:
        """No user groups are known yet."""
        self.setting = setting
        self.incident_cache = incident_cache
        self.incidents = incidents
        self._members: dict[str, tuple[datetime, frozenset[str]]] = {}

    @property
    def channels(self) -> list[Slack]:
        """The configured Slack channels whose requests can be verified."""
        found = self.setting().channels.values()
        return [one for one in found if isinstance(one, Slack) and is_set(one.settings.signing_secret)]

    def secrets(self) -> list[tuple[str, bytes]]:
        """Return the name and signing secret of each of them."""
        return [(one.name, one.settings.signing_secret.get_secret_value().encode()) for one in self.channels]

    def asker(
        self, channel: str, user: Mapping[str, Any], place: str, once: str, *, team: str, app: str, trigger: str = ""
    ) -> SlackUser:
        """Return the sender. Raises ForeignWorkspace for another workspace or app."""
        slack = next((one for one in self.channels if one.name == channel), None)
        if slack is None:
            raise ForeignWorkspace("this channel is no longer in the configuration")
        settings = slack.settings
        if (settings.workspace and team != settings.workspace) or (settings.app and app != settings.app):
            raise ForeignWorkspace("this workspace or app is not the configured one")
        number = str(user.get("id") or "")[:50]
        called = self.person(slack, number, str(user.get("name") or user.get("username") or ""))
        return SlackUser(slack, number, called, place[:50], f"slack {once}", trigger)

    def person(self, channel: Slack, user: str, name: str) -> str:
        """Return the key of `people` whose address on this channel is `user`; else the name, else the id.

        People choose their own names in Slack: the id is added to a name that is the key of a person with a
        different address there, so that no one can act or answer for that person.
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
        return called or clean(user, 50) or "someone"

    async def speak(self, url: str, content: Mapping[str, Any]) -> None:
        """Answer at the address in the signed request; only Slack addresses are called."""
        slack = next((one for one in self.channels if answers_at(url, one.settings.api_url)), None)
        if slack is None:
            return
        try:
            await slack.http.post_json(url, {**content, "replace_original": False})
        except DeliveryError as error:
            log.warning("slack_reply_rejected", reason=error.reason)

    async def allow(self, asker: SlackUser, now: datetime) -> None:
        """Return if `asker` may make changes. Raises ImpossibleCommand with the people who may."""
        groups = asker.channel.settings.responders
        if not groups:
            return
        for group in groups:
            if asker.user in await self._of(asker.channel, group, now):
                return
        raise ImpossibleCommand("only the configured responders may do that (chat.responders)")

    async def known(self, asker: SlackUser, now: datetime, *, acts: bool) -> SlackUser:
        """Return `asker` with the teams of their user groups.

        Raises ImpossibleCommand if Slack does not return their members.
        """
        groups = asker.channel.settings.team_groups
        if not groups:
            return replace(asker, acts=acts)
        teams = set()
        for team, listed in groups.items():
            for group in listed:
                if asker.user in await self._of(asker.channel, group, now):
                    teams.add(team)
        return replace(asker, teams=frozenset(teams), acts=acts)

    def sees(self, asker: SlackUser, incident: Incident | IncidentSummary) -> bool:
        """Return whether `asker` may see an incident: a private one only through a group of one of its teams."""
        return not incident.private or (bool(asker.teams) and sees(incident, asker.teams or ()))

    def check(self, asker: SlackUser, incident: Incident) -> bool:
        """Return whether `asker` may see an incident. Raises ImpossibleCommand for a change to one of another team."""
        if not self.sees(asker, incident):
            return False
        if asker.acts and asker.teams is not None and incident.team and incident.team not in asker.teams:
            raise ImpossibleCommand(
                f"{incident.label} belongs to team {incident.team}, and only that team may act on it (team_groups)"
            )
        return True

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
        """Return the incident of that id, or of this channel. Raises SlashCommandError, UnknownIncident, StoreAway."""
        found = await self.perhaps(asker, number)
        if found is None:
            raise SlashCommandError("name the incident: its id, such as INC-2026-0001, can be anywhere in the command")
        return found

    async def perhaps(self, asker: SlackUser, number: str | None) -> Incident | None:
        """Return the same, or None if no incident is named and this is not an incident's channel."""
        if number is not None:
            uid = await self.incidents.uid_of(number)
            incident = await self.incidents.incident(uid) if uid else None
            if incident is None or not self.check(asker, incident):
                raise UnknownIncident(f"no incident is named {number}")
            return incident
        incident = await self.incidents.within(asker.place) if asker.place else None
        return incident if incident is not None and self.check(asker, incident) else None


def answers_at(url: str, api: str) -> bool:
    """Return whether answers may be sent to `url`: https under slack.com, or the host of the API."""
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
    NoSuchOverride,
    IdempotencyKeyReused,
    SharedDocumentsFull,
)
"""Errors that are reported to the person who sent the command."""


def error_reply(error: Exception) -> dict[str, Any]:
    """Return the answer for one of the errors in `EXCUSED`."""
    if isinstance(error, StoreAway):
        return said(AWAY)
    more = ""
    if isinstance(error, IllegalCommand) and error.possible and "(possible" not in str(error):
        more = f" (possible: {', '.join(error.possible)})"
    return said(f"{error}{more}")
