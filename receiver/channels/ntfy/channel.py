"""ntfy (https://docs.ntfy.sh): a page on the phones that follow a person's topic, with buttons for responses."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr

from receiver.channels.base import BaseUrl, Channel, ChannelSettings, DeliveryError, is_set, raise_for
from receiver.channels.http_client import Reply
from receiver.channels.ntfy.message import message, sequence_id
from receiver.channels.page_refusal import page_refusal
from receiver.channels.safe_text import HIDDEN
from receiver.model.delivery.notice import Action, Notice, Receipt

LOOKED_BACK = "12h"
"""How long the server keeps messages by default; a page that may have arrived is searched among them."""
LOOK_LIMIT = 0.4
"""The fraction of a send's time for querying the server for an earlier page."""
TOPIC = r"^[-_A-Za-z0-9]{1,64}$"


class Answers(StrEnum):
    """How responses from phones come back."""

    SUBSCRIBE = "subscribe"
    HOOK = "hook"


class Content(StrEnum):
    """The amount of detail in a message."""

    FULL = "full"
    SHORT = "short"


class NtfySettings(ChannelSettings):
    """An ntfy server. Each person has a topic (`people.*`)."""

    kind: Literal["ntfy"] = "ntfy"
    url: BaseUrl = Field("", description="The server, such as https://ntfy.example.com; empty: off.")
    api_url: BaseUrl = Field("", description="Address of the server for this service, if not `url`.")
    token: SecretStr = Field(
        SecretStr(""), description="Access token of this service (`tk_...`); default: none; empty: off."
    )
    answers: Answers = Field(
        Answers.SUBSCRIBE,
        description="`subscribe`: buttons post to `reply_topic`, which this service reads; "
        "`hook`: they post to `/hooks/ntfy` of `service.public_url`.",
    )
    reply_topic: str = Field(
        "receiver-answers", pattern=TOPIC, description="Topic that anyone may write to and only this service may read."
    )
    content: Content | None = Field(
        None, description="`full`, or `short`: severity, id and service; default: `full`, `short` on a shared server."
    )
    shared: bool = Field(
        False, description="Whether others use the server: messages are then short, and have a link instead of buttons."
    )

    @property
    def server(self) -> str:
        """The server's address for this service."""
        return self.api_url or self.url

    @property
    def short(self) -> bool:
        """Whether messages have only severity, id and service."""
        return (self.content or (Content.SHORT if self.shared else Content.FULL)) is Content.SHORT


class Ntfy(Channel[NtfySettings]):
    """Pages one person through their own topic; a page is cleared on every phone once someone has responded."""

    kind: ClassVar[str] = "ntfy"
    Settings: ClassVar[type[ChannelSettings]] = NtfySettings
    paging: ClassVar[bool] = True
    two_way: ClassVar[bool] = True
    edits: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    keyed: ClassVar[bool] = True
    least_address: ClassVar[int] = 16

    def missing(self) -> str | None:
        """Return which of `url` and a configured `token` is empty, else None."""
        if not self.settings.server:
            return "url is empty"
        # For a server that needs none, the token is omitted. An empty variable is a forgotten secret.
        given = "token" in self.settings.model_fields_set
        return "token is empty" if given and not is_set(self.settings.token) else None

    def address(self) -> str:
        """Return its name: a page always names its own topic."""
        return self.name

    def answerable(self) -> bool:
        """Return whether messages have buttons."""
        return not self.settings.shared

    def subscribes(self) -> bool:
        """Return whether this service reads responses from the reply topic."""
        return self.answerable() and self.settings.answers is Answers.SUBSCRIBE

    def hooked(self) -> bool:
        """Return whether responses come to `/hooks/ntfy`."""
        return self.answerable() and self.settings.answers is Answers.HOOK

    def token(self) -> str:
        """Return the access token; empty: none is sent."""
        return self.settings.token.get_secret_value().strip()

    def preview(self, notice: Notice) -> list[dict[str, Any]]:
        """Return the request that `send` would make, with topic and tokens hidden."""
        headers = {"Authorization": f"Bearer {HIDDEN}"} if is_set(self.settings.token) else {}
        shown = {"headers": headers} if headers else {}
        if notice.action is not Action.TRIGGER:
            where = f"{self.settings.server}/{HIDDEN}/{_sequence(notice)}/clear"
            return [{"method": "PUT", "url": where, **shown}]
        hidden = notice.model_copy(update={"answers": dict.fromkeys(notice.answers, HIDDEN)})
        return [{"method": "POST", "url": self.settings.server, **shown, "body": self._message(hidden, HIDDEN)}]

    async def deliver(self, notice: Notice) -> Receipt:
        """Publish the page, or clear it on every phone."""
        if not re.fullmatch(TOPIC, notice.address):
            who = notice.page.person if notice.page else "this contact"
            detail = f"the {self.name} topic of {who} is not valid (1 to 64 letters, digits, dashes and underscores)"
            raise DeliveryError("refused", detail, permanent=True)
        if notice.action is not Action.TRIGGER:
            return await self._clear(notice)
        body = self._message(notice, notice.address)
        if notice.repeat and await self._published(notice, body["title"]):
            return Receipt(ref=body["sequence_id"])
        reply = await self.http.post_json(self.settings.server, body, self._headers())
        self._check(reply, notice)
        return Receipt(ref=body["sequence_id"], warning=_warning(reply, body["sequence_id"]))

    async def _clear(self, notice: Notice) -> Receipt:
        sequence = _sequence(notice)
        where = f"{self.settings.server}/{notice.address}/{sequence}/clear"
        reply = await self.http.put(where, self._headers())
        if reply.status in (404, 405) and _own(reply):
            return Receipt(ref=sequence, warning="the server is older than 2.16: the page stays on the phones")
        self._check(reply, notice)
        return Receipt(ref=sequence)

    async def _published(self, notice: Notice, title: str) -> bool:
        # An earlier attempt may have arrived: query it, so that the phone does not sound twice. A token that may
        # only write gets no result, and the page is published again under the same id.
        where = f"{self.settings.server}/{notice.address}/json"
        params = {"poll": "1", "since": LOOKED_BACK, "title": title}
        try:
            async with asyncio.timeout(self.http.total * LOOK_LIMIT):
                reply = await self.http.get(where, self._headers(), params)
        except (DeliveryError, TimeoutError):
            return False
        return reply.status == 200 and any(_names(line, _sequence(notice)) for line in reply.text.splitlines())

    async def postpone(self, topic: str, after: timedelta, text: str, now: datetime) -> None:
        """Schedule `text` for delivery `after` from now, in place of the previous message. Raises DeliveryError."""
        body = {
            "topic": topic, "title": "receiver sends no heartbeat", "message": text, "priority": 5, "tags": ["skull"],
            "sequence_id": sequence_id(f"dead-man {topic}"), "delay": f"{round(after.total_seconds())}s",
        }  # fmt: skip
        reply = await self.http.post_json(self.settings.server, body, self._headers())
        raise_for(reply, now, (self.token(), topic))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token()}"} if self.token() else {}

    def _check(self, reply: Reply, notice: Notice) -> None:
        try:
            raise_for(reply, notice.now, self.secrets(notice))
        except DeliveryError as error:
            raise page_refusal(error, reply.status) from None
        if reply.text and not (isinstance(reply.json, dict) and isinstance(reply.json.get("id"), str)):
            raise DeliveryError("bad_answer", f"returned {reply.status} without the id of a message", ambiguous=True)

    def _message(self, notice: Notice, topic: str) -> dict[str, Any]:
        settings = self.settings
        where: str | None = f"{settings.url or settings.server}/{settings.reply_topic}"
        if settings.answers is Answers.HOOK:
            where = f"{notice.hooks}/ntfy" if notice.hooks else None
        answer_to = {"url": where, "method": "POST"} if where and self.answerable() else None
        return message(notice, topic, short=settings.short, answer_to=answer_to)


def _sequence(notice: Notice) -> str:
    return sequence_id(notice.page.key if notice.page else notice.key)


def _own(reply: Reply) -> bool:
    return isinstance(reply.json, dict) and isinstance(reply.json.get("code"), int)


def _names(line: str, sequence: str) -> bool:
    try:
        said = json.loads(line)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("event") == "message" and said.get("sequence_id") == sequence


def _warning(reply: Reply, sequence: str) -> str | None:
    told = reply.json.get("sequence_id") if isinstance(reply.json, dict) else None
    if told == sequence:
        return None
    return "the server does not support sequence ids (older than 2.16): pages stay on the phones"
