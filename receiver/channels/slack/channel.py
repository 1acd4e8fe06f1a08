"""Slack: one message an incident, edited in place, later changes in its thread (contracts/slack.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr

from receiver.channels.base import BaseUrl, Channel, ChannelSettings, DeliveryError, Http, is_set
from receiver.channels.slack import incident_message as message
from receiver.channels.slack.api import A_SECOND, PAGE, TIER_3, Body, SlackApi
from receiver.channels.slack.api_answers import FROZEN, GONE, SlackError
from receiver.channels.slack.channel_lookup import SlackPlaces
from receiver.channels.slack.incident_channel import ADDRESS, SlackRoom, room_name
from receiver.model.base import Frozen
from receiver.model.delivery.notice import Action, Mention, Notice, Receipt
from receiver.model.delivery.vendor_quota import Quota
from receiver.model.incident.event import Event, Kind
from receiver.model.severity import Severity

MENTIONED_KEPT = 100
CALLING = frozenset({Kind.SECOND_ROAD, Kind.REMINDER, Kind.STATUS_DUE, Kind.ACTION_DUE, Kind.LETTER})
"""What somebody is called for by name, each time."""
PASSING = ("timeout", "connection", "rate_limited", "server_error")


class IncidentChannels(Frozen):
    """Which incidents get a channel of their own."""

    severities: tuple[Severity, ...] = Field((), description="Severities whose incidents get their own channel.")
    prefix: str = Field("inc", description="What the name of such a channel begins with.", max_length=20)


class SlackSettings(ChannelSettings):
    """A Slack workspace, through a bot of the user's."""

    kind: Literal["slack"] = "slack"
    api_url: BaseUrl = Field("https://slack.com/api", description="Where the Web API is.")
    bot_token: SecretStr = Field(SecretStr(""), description="Bot token (`xoxb-...`) with chat:write; empty: off.")
    signing_secret: SecretStr = Field(
        SecretStr(""), description="Verifies what Slack sends; empty: commands and buttons are answered 401."
    )
    channel: str = Field("", description="Channel to inform, by name (`#incidents`) or id; empty: off.")
    incident_channels: IncidentChannels | None = Field(None, description="Which incidents get their own channel.")
    responders: tuple[str, ...] = Field((), description="User groups whose members may act; none: the whole workspace.")
    workspace: str | None = Field(None, description="Id of the workspace (`T...`) that requests must come from.")
    app: str | None = Field(None, description="Id of the app (`A...`) that requests must come from.")


class Slack(Channel[SlackSettings]):
    """Keeps one message an incident up to date, and its thread.

    The memory of its receipts: `channel` and `ts` of the message, `said` (the sequence number of the last event that
    was told) and `mentioned` (who was called already).
    """

    kind: ClassVar[str] = "slack"
    Settings: ClassVar[type[ChannelSettings]] = SlackSettings
    informs: ClassVar[bool] = True
    groups: ClassVar[bool] = True

    def __init__(self, name: str, settings: SlackSettings, http: Http) -> None:
        """Begin without any channel's id known."""
        super().__init__(name, settings, http)
        self._api = SlackApi(settings.api_url, settings.bot_token, http)
        self._places = SlackPlaces(self._api)
        own = settings.incident_channels or IncidentChannels(severities=(), prefix="inc")
        self._clickable = is_set(settings.signing_secret)
        self._room = SlackRoom(self._api, own.severities, own.prefix, clickable=self._clickable)

    def missing(self) -> str | None:
        """Return which of `api_url`, `bot_token` and `channel` is empty, else None."""
        if not self.settings.api_url:
            return "api_url is empty"
        if not is_set(self.settings.bot_token):
            return "bot_token is empty"
        return None if self.settings.channel else "channel is empty"

    def address(self) -> str:
        """Return the channel of the settings, by name or id as it stands there."""
        return self.settings.channel

    def addresses(self) -> tuple[str, ...]:
        """Return the channel of the settings, and an incident's own where some get one."""
        own = self.settings.incident_channels
        return (self.address(), ADDRESS) if own is not None and own.severities else (self.address(),)

    async def regroup(self, group: str, addresses: tuple[str, ...], now: datetime) -> None:
        """Let the user group have those members and no others; Slack has no group without any."""
        users = ",".join(one for one in addresses if message.USER.fullmatch(one))
        if users:
            await self._api.write("usergroups.users.update", {"usergroup": group, "users": users}, now)

    @property
    def api(self) -> SlackApi:
        """The Web API with this channel's token."""
        return self._api

    def quotas(self, notice: Notice) -> tuple[Quota, ...]:
        """Return the limits of Slack that count: a message a second in one channel, each method so often a minute.

        What calls somebody whose page is not through goes first, an incident's own channel last.
        """
        if notice.address == ADDRESS:
            return self._room.quotas(notice)
        rank = 0 if notice.urgent else 1
        place = hashlib.sha256(notice.address.encode("utf-8", "replace")).hexdigest()[:16]
        wanted = [Quota(name=place, **A_SECOND, rank=rank)]
        wanted += [Quota(name="edits", **TIER_3, rank=rank)] if _memory(notice) else []
        wanted += [Quota(name="lookups", **TIER_3, rank=rank)] if notice.repeat else []
        return tuple(wanted)

    def preview(self, notice: Notice) -> list[dict[str, Any]]:
        """Return the first post, or the edit and the thread reply where there is a message already."""
        if notice.address == ADDRESS:
            name = room_name(self._room.prefix, notice.incident) if notice.incident else ""
            known = notice.memory.get("room") or not notice.incident or not self._room.wanted(notice.incident)
            return [] if known else [self._api.request("conversations.create", {"name": name})]
        memory = _memory(notice)
        if memory is None:
            return [self._api.request("chat.postMessage", first(notice, notice.address, clickable=self._clickable))]
        news = thread(notice, memory)
        requests = [self._api.request("chat.update", update(notice, memory, clickable=self._clickable))]
        return [*requests, self._api.request("chat.postMessage", news)] if news else requests

    async def deliver(self, notice: Notice) -> Receipt:
        """Post, or edit and reply. What an earlier attempt may have done is looked for before it is done again."""
        if notice.address == ADDRESS:
            return await self._room.keep(notice)
        memory = _memory(notice)
        if memory is None and notice.repeat:
            memory = await self._find(notice)
        if memory is None:
            return await self._first(notice)
        if notice.action is Action.TELL:
            return Receipt(ref=memory["ts"])
        try:
            await self._api.write("chat.update", update(notice, memory, clickable=self._clickable), notice.now)
        except SlackError as error:
            if error.code == GONE:
                return await self._anew(notice)
            if error.code not in FROZEN:
                raise
        return await self._reply(notice, memory)

    async def _anew(self, notice: Notice) -> Receipt:
        # Somebody deleted the message: the newest state goes up again, unless an earlier attempt did that already.
        found = await self._find(notice) if notice.repeat else None
        if found is None:
            return await self._first(notice, _said(notice.memory))
        return await self._reply(notice, found)

    async def _first(self, notice: Notice, said: int | None = None) -> Receipt:
        # `said`: the last event that was told under a message that is gone; what came since is told under this one.
        place = notice.memory.get("channel") or self._places.known(notice.address) or notice.address
        body = first(notice, place, clickable=self._clickable, said=said)
        told = await self._places.post(body, notice.now)
        channel, stamp = told.get("channel"), told.get("ts")
        if not (isinstance(channel, str) and isinstance(stamp, str)):
            raise DeliveryError("bad_answer", "chat.postMessage answered without channel and ts", ambiguous=True)
        self._places.learn(notice.address, channel)
        if notice.action is not Action.INFORM:
            return Receipt(ref=stamp, warning=_warning(told))
        memory = {"channel": channel, "ts": stamp, **_begun(notice, said)}
        if thread(notice, memory) is None:
            return Receipt(ref=stamp, memory=memory, warning=_warning(told))
        try:
            return await self._reply(notice, memory)
        except DeliveryError as error:
            error.progress = memory
            raise

    async def _reply(self, notice: Notice, memory: dict[str, Any]) -> Receipt:
        warning = None
        if notice.repeat and thread(notice, memory):
            memory = await self._heard(notice, memory)
        news = thread(notice, memory)
        if news:
            warning = _warning(await self._places.post(news, notice.now))
        return Receipt(ref=memory["ts"], memory={**memory, **_told(notice, memory)}, warning=warning)

    async def _find(self, notice: Notice) -> dict[str, Any] | None:
        # The memory of our message if an earlier attempt posted it after all; None when there is none, or when
        # this token may not look.
        try:
            place = await self._places.id(notice.address, notice.now)
            query = {"channel": place or "", "include_all_metadata": "true", "limit": str(PAGE)}
            if place:
                async for found in self._api.items("conversations.history", "messages", query, notice.now):
                    marks = _marks(found, notice)
                    if marks is not None and found.get("thread_ts", found.get("ts")) == found.get("ts"):
                        return {"channel": place, "ts": found["ts"], **marks}
        except DeliveryError as error:
            _wait_if_passing(error)
        return None

    async def _heard(self, notice: Notice, memory: dict[str, Any]) -> dict[str, Any]:
        # `memory`, and what the thread already says.
        said, mentioned = _said(memory), list(memory.get("mentioned", []))
        query = {"channel": memory["channel"], "ts": memory["ts"]}
        query |= {"include_all_metadata": "true", "limit": str(PAGE)}
        try:
            async for found in self._api.items("conversations.replies", "messages", query, notice.now):
                marks = _marks(found, notice)
                if marks is not None:
                    said = max(said, marks["said"])
                    mentioned += marks["mentioned"]
        except DeliveryError as error:
            _wait_if_passing(error)
        return {**memory, "said": said, "mentioned": mentioned}


def first(notice: Notice, place: str, *, clickable: bool = False, said: int | None = None) -> Body:
    """Return the body of the message that starts an incident's thread, or tells something by itself.

    `said`: the last event that was told before it.
    """
    return {
        "channel": place,
        "text": message.summary(notice),
        "blocks": message.message(notice, clickable=clickable),
        "metadata": message.metadata(notice, **_begun(notice, said)),
        **_INERT,
    }


def update(notice: Notice, memory: dict[str, Any], *, clickable: bool = False) -> Body:
    """Return the body of the edit; without metadata, so that the first post's stays."""
    return {
        "channel": memory["channel"],
        "ts": memory["ts"],
        "text": message.summary(notice),
        "blocks": message.message(notice, clickable=clickable),
        "parse": "none",
        "link_names": False,
    }


def thread(notice: Notice, memory: dict[str, Any]) -> Body | None:
    """Return the body of the one reply with all that was not told yet; None when there is nothing."""
    news = [event for event in notice.events if event.seq > _said(memory)]
    called = set(memory.get("mentioned", []))
    newly = [person for person in notice.mentions if _who(person) not in called]
    again = dict.fromkeys((*notice.urgent, *notice.asked)) if news else {}
    newly += [person for person in again if person not in newly]
    if not news and not newly:
        return None
    text, blocks = message.reply(news, newly, notice.incident.badge if notice.incident else "")
    return {
        "channel": memory["channel"],
        "thread_ts": memory["ts"],
        "text": text,
        "blocks": blocks,
        "metadata": message.metadata(notice, **_told(notice, memory)),
        **_INERT,
    }


_INERT: Body = message.INERT


def _memory(notice: Notice) -> dict[str, Any] | None:
    memory = notice.memory
    known = notice.action is Action.INFORM and memory.get("channel") and memory.get("ts")
    return dict(memory) if known else None


def _told(notice: Notice, memory: dict[str, Any]) -> dict[str, Any]:
    # What will have been told once this notice is: goes into the metadata before, into the memory after.
    called = [*memory.get("mentioned", []), *map(_who, notice.mentions)]
    return {"said": _last(notice.events, _said(memory)), "mentioned": list(dict.fromkeys(called))[-MENTIONED_KEPT:]}


def _begun(notice: Notice, said: int | None) -> dict[str, Any]:
    # What the first message will have told: how it stands, and so the events before it. Nobody is called by that: what
    # calls somebody (their page is not through), and what follows it, is said in a reply.
    calls = [event.seq for event in notice.events if event.kind in CALLING]
    if said is None and calls:
        said = min(calls) - 1
    begun = _told(notice, {})
    return begun if said is None else {**begun, "said": said}


def _last(events: Sequence[Event], before: int) -> int:
    return max([before, *(event.seq for event in events)])


def _said(memory: dict[str, Any]) -> int:
    said = memory.get("said")
    return said if isinstance(said, int) else 0


def _who(person: Mention) -> str:
    return person.address or person.name


def _marks(found: Body, notice: Notice) -> dict[str, Any] | None:
    # What the metadata of a message of ours says was told; None when the message is not about this.
    ours = message.metadata(notice, 0, [])
    marks = found.get("metadata")
    payload = marks.get("event_payload") if isinstance(marks, dict) else None
    if not (isinstance(marks, dict) and isinstance(payload, dict)) or marks.get("event_type") != ours["event_type"]:
        return None
    same = "uid" if notice.incident is not None else "notice"
    if payload.get(same) != ours["event_payload"][same] or not isinstance(found.get("ts"), str):
        return None
    mentioned = payload.get("mentioned")
    return {"said": _said(payload), "mentioned": mentioned if isinstance(mentioned, list) else []}


def _wait_if_passing(error: DeliveryError) -> None:
    # What passes is waited for, and what may already have been posted stays in doubt; a token that may not read
    # posts again: twice is better than never.
    if error.reason in PASSING:
        error.ambiguous = True
        raise error


def _warning(told: Body) -> str | None:
    warning = told.get("warning")
    return f"slack: {warning}" if isinstance(warning, str) else None
