"""Sends a test message through one channel at a person's request, and returns the vendor's response."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from receiver.channels.base import Channel, DeliveryError
from receiver.incident.log.command_errors import ImpossibleCommand
from receiver.incident.name_lookup import MOST, find_name
from receiver.model.base import rfc3339, to_ms
from receiver.model.delivery.notice import Action, Notice, Receipt
from receiver.model.incident.event import Actor, Destination
from receiver.model.incident.page import Page
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.delivery.channel_health import ChannelHealth
from receiver.store.client.connection import StoreAway
from receiver.store.due.due_set import DueSet

HINTS = {
    "auth": "the credential is wrong or lacks a permission: check it in the configuration",
    "timeout": "check the address, and that this host can reach it",
    "connection": "check the address, that a server listens there, and that this host can reach it",
    "client_error": "the request was refused: check the address, the channel's name, and the permissions",
    "rate_limited": "too many requests: try again later",
    "server_error": "the server reports an internal error: try again later",
    "bad_answer": "another program responds there: check the address",
    "redirect": "the address redirects: write the address that it redirects to",
    "refused": "it was not sent: check the address",
}

ME = "me"
"""The person who requests the test; if a channel reaches only one person, that person."""

log = structlog.get_logger("receiver.channel")


@dataclass(frozen=True)
class ChannelTestResult:
    """The result of a test."""

    channel: str
    outcome: str
    """`ok`, or the reason for the failure."""
    detail: str
    ref: str | None = None


class ChannelTest:
    """Sends tests, and reports the health of channels."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        health: ChannelHealth,
        due: DueSet,
        off: Callable[[], dict[str, str]],
    ) -> None:
        """`off` returns which channels are off, and why."""
        self.setting = setting
        self.health = health
        self.due = due
        self.off = off

    def channels(self) -> list[dict[str, Any]]:
        """Return every channel: its kind, what it is for, whether it is on, and whether it is paused."""
        rows = []
        for name, channel in sorted(self.setting().channels.items()):
            flags = ("paging", "informs", "tickets", "publishes", "personal")
            uses = [flag for flag in flags if getattr(channel, flag)]
            rest = self.health.circuit(name)
            rows.append({
                "name": name, "kind": channel.kind, "uses": uses, "on": True, "why": None, "resting": rest.open,
                "resting_until": rfc3339(rest.until) if rest.until else None,
                **self._last_error(name),
                "last_success": rfc3339(last) if (last := self.health.last_successes.get(name)) else None,
            })  # fmt: skip
        rows += [
            {"name": name, "kind": None, "uses": [], "on": False, "why": why, "resting": False,
             "resting_until": None, "last_error": None, "last_error_at": None, "last_success": None}
            for name, why in sorted(self.off().items())
        ]  # fmt: skip
        return rows

    def _last_error(self, name: str) -> dict[str, str | None]:
        # By this replica since it started, whether or not messages were accepted since then.
        at = self.health.last_error_times.get(name)
        return {"last_error": self.health.last_errors.get(name), "last_error_at": rfc3339(at) if at else None}

    async def test(self, name: str, person: str | None, actor: Actor, now: datetime) -> ChannelTestResult:
        """Send a message that is marked as a test; a pager pages `person`, and the page is resolved at once.

        If a message would leave something behind (a ticket, a wiki page, a public update), the vendor is queried
        instead, with the same address and credential. Raises ImpossibleCommand with a correction.
        """
        setting = self.setting()
        if name in self.off():
            raise ImpossibleCommand(f"channel {name} is off: {self.off()[name]}")
        channel = setting.channels[find_name(name, setting.channels, "channel")]
        person, address = self._reached(channel, person, setting)
        text = f"Test message, sent by {actor.name} at {rfc3339(now)}: no action is needed."
        try:
            receipt = await self._send(channel, address, text, person, now, setting)
        except DeliveryError as error:
            log.warning("channel_tested", channel=channel.name, outcome=error.reason, error=error.detail)
            return ChannelTestResult(channel.name, error.reason, _hinted(error))
        self.health.last_successes[channel.name] = now
        log.info("channel_tested", channel=channel.name, outcome="ok", by=actor.name)
        host = channel.server()
        taken = f"accepted by {host}" if _speaks(channel) else f"{host} responds; a test creates nothing there"
        return ChannelTestResult(channel.name, "ok", receipt.warning or taken, receipt.ref)

    def _reached(self, channel: Channel[Any], person: str | None, setting: ActiveConfig) -> tuple[str | None, str]:
        # The person, and the address.
        if channel.informs or not _speaks(channel):
            return person, channel.address()
        people = setting.policy.directory.people
        reached = {key: at for key, card in people.items() if (at := card.address(channel.name, channel.kind))}
        if person is None:
            raise ImpossibleCommand(
                f"a test page of {channel.name} needs a person (to: {_any(reached)}; on the command line --to)"
            )
        if person == ME and ME not in people and len(reached) == 1:
            return next(iter(reached.items()))
        key = find_name(person, people, "person")
        if key not in reached:
            raise ImpossibleCommand(f"{people[key].name} has no address on {channel.name} (write to: {_any(reached)})")
        return key, reached[key]

    async def _send(
        self, channel: Channel[Any], address: str, text: str, person: str | None, now: datetime, setting: ActiveConfig
    ) -> Receipt:
        key = f"{setting.policy.namespace}/test/{channel.name}/{to_ms(now)}"
        if channel.informs or channel.personal:
            return await channel.send(Notice(key=key, action=Action.TELL, address=address, text=text, now=now))
        if not _speaks(channel):
            return await channel.ask(Notice(key=key, action=Action.TELL, address=address, text=text, now=now))
        page = Page(
            key=key, channel=channel.name, person=(person or "").removeprefix("@"), contact="test", address=address,
            step="test", ring=1, at=now,
        )  # fmt: skip
        begin = Notice(key=key, action=Action.TRIGGER, address=address, text=text, page=page, now=now)
        try:
            receipt = await channel.send(begin)
        except DeliveryError as error:
            if error.ambiguous:
                await self._end(channel, begin, page, now)  # it may page, although no response confirmed it
            raise
        warning = await self._end(channel, begin, page, now)
        return receipt if warning is None else receipt.model_copy(update={"warning": warning})

    async def _end(self, channel: Channel[Any], begin: Notice, page: Page, now: datetime) -> str | None:
        # A test must not keep paging: if the page cannot be resolved now, the resolve is retried like that of any page.
        try:
            await channel.send(begin.model_copy(update={"action": Action.RESOLVE}))
        except DeliveryError as error:
            why = f"the page is open and could not be resolved ({error.reason})"
        else:
            return None
        memory = {"page": page.model_dump(mode="json"), "action": Action.RESOLVE}
        to = Destination(channel=channel.name, address=page.key, paging=True)
        try:
            await self.due.owe([(f"- {channel.name} {page.key}", f"{channel.name}!", to, memory)], to_ms(now))
        except StoreAway:
            return f"{why}: resolve {page.key} there manually"
        return f"{why}: resolving it is retried until it succeeds"


async def send_once(channel: Channel[Any], person: str, address: str, now: datetime) -> str | None:
    """Send a test to `person` by `channel`, without a service; return why it failed, None when it was accepted.

    A page is triggered and resolved at once, so that no one is paged twice.
    """
    key = f"test/{channel.name}/{to_ms(now)}"
    text = "Test page from receiver: no action is needed."
    notice = Notice(key=key, action=Action.TELL, address=address, text=text, now=now)
    try:
        if not channel.paging:
            await channel.send(notice)
            return None
        page = Page(
            key=key, channel=channel.name, person=person, contact="test", address=address, step="test", ring=1, at=now
        )
        begin = notice.model_copy(update={"action": Action.TRIGGER, "page": page})
        await channel.send(begin)
        await channel.send(begin.model_copy(update={"action": Action.RESOLVE}))
    except DeliveryError as error:
        return _hinted(error)
    return None


def _hinted(error: DeliveryError) -> str:
    # Some channels name the setting to check.
    hint = "" if "(check " in error.detail else HINTS.get(error.reason, "")
    return f"{error.detail}{f' ({hint})' if hint else ''}"


def _any(people: Iterable[str]) -> str:
    named = sorted(people)[:MOST]
    return " or ".join(named) if named else "a key of people"


def _speaks(channel: Channel[Any]) -> bool:
    return channel.informs or channel.paging or channel.personal
