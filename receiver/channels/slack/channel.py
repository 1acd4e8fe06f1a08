"""Slack: one message per incident, edited in place, with changes in its thread."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from receiver.channels.base import Channel, ChannelSettings, DeliveryError, Http, is_set
from receiver.channels.slack.api import A_SECOND, PAGE, TIER_3, Body, SlackApi
from receiver.channels.slack.api_answers import FROZEN, GONE, SlackError
from receiver.channels.slack.channel_lookup import SlackChannelLookup
from receiver.channels.slack.incident_channel import ADDRESS, SlackIncidentChannel, room_name
from receiver.channels.slack.message_metadata import last_posted, read_metadata
from receiver.channels.slack.mrkdwn import USER
from receiver.channels.slack.picture_upload import upload
from receiver.channels.slack.settings import IncidentChannels, SlackSettings
from receiver.channels.slack.thread_message import (
    first,
    message_memory,
    posted_after,
    posted_at_start,
    thread,
    update,
)
from receiver.model.delivery.notice import Action, Notice, Receipt
from receiver.model.delivery.picture import Picture
from receiver.model.delivery.vendor_quota import Quota

PASSING = ("timeout", "connection", "rate_limited", "server_error")


class Slack(Channel[SlackSettings]):
    """Keeps one message per incident and its thread up to date.

    The memory of its receipts: `channel` and `ts` of the message, `said` (the sequence number of the last event that
    was posted) and `mentioned` (the people who were mentioned).
    """

    kind: ClassVar[str] = "slack"
    Settings: ClassVar[type[ChannelSettings]] = SlackSettings
    informs: ClassVar[bool] = True
    two_way: ClassVar[bool] = True
    edits: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    groups: ClassVar[bool] = True
    pictures: ClassVar[bool] = True

    def __init__(self, name: str, settings: SlackSettings, http: Http) -> None:
        """Create it without known channel ids."""
        super().__init__(name, settings, http)
        self._api = SlackApi(settings.api_url, settings.bot_token, http)
        self._places = SlackChannelLookup(self._api)
        own = settings.incident_channels or IncidentChannels(severities=(), prefix="inc")
        self._clickable = is_set(settings.signing_secret)
        self._room = SlackIncidentChannel(self._api, own.severities, own.prefix, clickable=self._clickable)

    def missing(self) -> str | None:
        """Return which of `api_url`, `bot_token` and `channel` is empty, else None."""
        if not self.settings.api_url:
            return "api_url is empty"
        if not is_set(self.settings.bot_token):
            return "bot_token is empty"
        return None if self.settings.channel else "channel is empty"

    def address(self) -> str:
        """Return the channel in the settings, by name or id."""
        return self.settings.channel

    def addresses(self) -> tuple[str, ...]:
        """Return the channel in the settings, and that of incidents if some get their own."""
        own = self.settings.incident_channels
        return (self.address(), ADDRESS) if own is not None and own.severities else (self.address(),)

    async def regroup(self, group: str, addresses: tuple[str, ...], now: datetime) -> None:
        """Set the members of the user group; Slack has no empty groups."""
        users = ",".join(one for one in addresses if USER.fullmatch(one))
        if users:
            await self._api.write("usergroups.users.update", {"usergroup": group, "users": users}, now)

    def posted(self, memory: Mapping[str, Any]) -> bool:
        """Return whether `memory` names a message and its channel, by id."""
        return all(isinstance(memory.get(name), str) and memory[name] for name in ("channel", "ts"))

    async def show(self, picture: Picture, memory: Mapping[str, Any], now: datetime) -> None:
        """Add an image to the thread of the message that `memory` names; needs the scope files:write."""
        await upload(self._api, self.http, picture, memory["channel"], memory["ts"], now)

    @property
    def api(self) -> SlackApi:
        """The Web API with this channel's token."""
        return self._api

    def quotas(self, notice: Notice) -> tuple[Quota, ...]:
        """Return the limits of Slack: a message per second in one channel, and a rate per method.

        Mentions for undelivered pages go first, an incident's own channel last.
        """
        if notice.address == ADDRESS:
            return self._room.quotas(notice)
        rank = 0 if notice.urgent else 1
        place = hashlib.sha256(notice.address.encode("utf-8", "replace")).hexdigest()[:16]
        wanted = [Quota(name=place, **A_SECOND, rank=rank)]
        wanted += [Quota(name="edits", **TIER_3, rank=rank)] if message_memory(notice) else []
        wanted += [Quota(name="lookups", **TIER_3, rank=rank)] if notice.repeat else []
        return tuple(wanted)

    def preview(self, notice: Notice) -> list[dict[str, Any]]:
        """Return the first post, or the edit and the reply if there is a message already."""
        if notice.address == ADDRESS:
            name = room_name(self._room.prefix, notice.incident) if notice.incident else ""
            known = notice.memory.get("room") or not notice.incident or not self._room.wanted(notice.incident)
            return [] if known else [self._api.request("conversations.create", {"name": name})]
        memory = message_memory(notice)
        if memory is None:
            return [self._api.request("chat.postMessage", first(notice, notice.address, clickable=self._clickable))]
        news = thread(notice, memory)
        requests = [self._api.request("chat.update", update(notice, memory, clickable=self._clickable))]
        return [*requests, self._api.request("chat.postMessage", news)] if news else requests

    async def deliver(self, notice: Notice) -> Receipt:
        """Post, or edit and reply. A repeated attempt first searches for messages of the earlier one."""
        if notice.address == ADDRESS:
            return await self._room.keep(notice)
        memory = message_memory(notice)
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
        # The message was deleted: the newest state is posted again, unless an earlier attempt did that already.
        found = await self._find(notice) if notice.repeat else None
        if found is None:
            return await self._first(notice, last_posted(notice.memory))
        return await self._reply(notice, found)

    async def _first(self, notice: Notice, said: int | None = None) -> Receipt:
        # `said`: the last event that was posted under the deleted message; later ones are posted under this one.
        place = notice.memory.get("channel") or self._places.known(notice.address) or notice.address
        body = first(notice, place, clickable=self._clickable, said=said)
        answer = await self._places.post(body, notice.now)
        channel, stamp = answer.get("channel"), answer.get("ts")
        if not (isinstance(channel, str) and isinstance(stamp, str)):
            raise DeliveryError("bad_answer", "chat.postMessage did not return channel and ts", ambiguous=True)
        self._places.learn(notice.address, channel)
        if notice.action is not Action.INFORM:
            return Receipt(ref=stamp, warning=_warning(answer))
        memory = {"channel": channel, "ts": stamp, **posted_at_start(notice, said)}
        if thread(notice, memory) is None:
            return Receipt(ref=stamp, memory=memory, warning=_warning(answer))
        try:
            return await self._reply(notice, memory)
        except DeliveryError as error:
            error.progress = memory
            raise

    async def _reply(self, notice: Notice, memory: dict[str, Any]) -> Receipt:
        warning = None
        if notice.repeat and thread(notice, memory):
            memory = await self._with_replies(notice, memory)
        news = thread(notice, memory)
        if news:
            warning = _warning(await self._places.post(news, notice.now))
        return Receipt(ref=memory["ts"], memory={**memory, **posted_after(notice, memory)}, warning=warning)

    async def _find(self, notice: Notice) -> dict[str, Any] | None:
        # The memory of the message that an earlier attempt may have posted; None if there is none, or this token may
        # not search.
        try:
            place = await self._places.id(notice.address, notice.now)
            query = {"channel": place or "", "include_all_metadata": "true", "limit": str(PAGE)}
            if place:
                async for found in self._api.items("conversations.history", "messages", query, notice.now):
                    marks = read_metadata(found, notice)
                    if marks is not None and found.get("thread_ts", found.get("ts")) == found.get("ts"):
                        return {"channel": place, "ts": found["ts"], **marks}
        except DeliveryError as error:
            _wait_if_passing(error)
        return None

    async def _with_replies(self, notice: Notice, memory: dict[str, Any]) -> dict[str, Any]:
        # `memory`, and what is already in the thread.
        said, mentioned = last_posted(memory), list(memory.get("mentioned", []))
        query = {"channel": memory["channel"], "ts": memory["ts"]}
        query |= {"include_all_metadata": "true", "limit": str(PAGE)}
        try:
            async for found in self._api.items("conversations.replies", "messages", query, notice.now):
                marks = read_metadata(found, notice)
                if marks is not None:
                    said = max(said, marks["said"])
                    mentioned += marks["mentioned"]
        except DeliveryError as error:
            _wait_if_passing(error)
        return {**memory, "said": said, "mentioned": mentioned}


def _wait_if_passing(error: DeliveryError) -> None:
    # Wait for temporary errors; a message that may already have been posted stays in doubt. A token that may not
    # read posts again, because twice is better than never.
    if error.reason in PASSING:
        error.ambiguous = True
        raise error


def _warning(told: Body) -> str | None:
    warning = told.get("warning")
    return f"slack: {warning}" if isinstance(warning, str) else None
