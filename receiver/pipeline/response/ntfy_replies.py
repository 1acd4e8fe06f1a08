"""Answers that phones post to a reply topic: read by an outgoing stream, so that no inbound endpoint is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import structlog

from receiver.channels.ntfy.channel import Ntfy
from receiver.clock import Clock
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.response.phone_answers import PhoneAnswers
from receiver.sources.http_client import SourceError
from receiver.sources.ntfy import NtfyTopic
from receiver.store.client.store_errors import StoreAway

NAME = "replies"
FIRST = "12h"
"""Messages posted while no replica listened are read as well; earlier commands are not repeated."""
LOOK = 2.0
"""Seconds between two checks of the configured channels, which a reload may change."""
AGAIN, LONGEST = 0.5, 15.0
"""Seconds until a stream that has ended is reopened: the first time, and at most."""
STORE_AGAIN = 1.0
"""Seconds until an answer is tried again while the store is unavailable."""

log = structlog.get_logger("receiver.answers")


class NtfyReplies:
    """Reads the reply topic of each ntfy channel. Every replica does; each answer is carried out once."""

    def __init__(self, setting: Callable[[], ActiveConfig], answers: PhoneAnswers, clock: Clock) -> None:
        """Nothing is read before `run`."""
        self.setting = setting
        self.answers = answers
        self.clock = clock
        self.since: dict[str, str] = {}
        """Id of the last processed message, by channel."""
        self._readers: dict[str, tuple[Ntfy, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Read until canceled, and follow the configuration."""
        try:
            while True:
                self._follow()
                await asyncio.sleep(LOOK)
        finally:
            for _, task in self._readers.values():
                task.cancel()
            self._readers.clear()

    def _follow(self) -> None:
        wanted = {
            name: one for name, one in self.setting().channels.items() if isinstance(one, Ntfy) and one.subscribes()
        }
        for name, (channel, task) in list(self._readers.items()):
            if wanted.get(name) is channel and not task.done():
                continue
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                log.error("replies_failed", channel=name, error=type(error).__name__)
            task.cancel()
            del self._readers[name]
        for name, channel in wanted.items():
            if name not in self._readers:
                self._readers[name] = channel, asyncio.create_task(self._read(name, channel))

    async def _read(self, name: str, channel: Ntfy) -> None:
        wait, lost = AGAIN, False
        topic = NtfyTopic(channel.settings.server, channel.settings.reply_topic, channel.token())
        while True:
            try:
                # Continues after the last processed message, so that none is lost between two connections.
                async with aclosing(topic.read(self.since.get(name, FIRST))) as messages:
                    async for posted in messages:
                        if lost:
                            log.info("reply_stream_reconnected", channel=name)
                        wait, lost = AGAIN, False
                        if posted is not None:
                            await self._take(name, posted.text)
                            self.since[name] = posted.id
            except SourceError as error:
                if not lost:
                    log.warning("reply_stream_disconnected", channel=name, reason=error.reason, detail=str(error))
                lost = True
            await asyncio.sleep(wait)
            wait = min(LONGEST, 2 * wait)

    async def _take(self, name: str, text: str) -> None:
        # The next message waits until the store has this one.
        while True:
            if await self._taken(name, text):
                return
            await asyncio.sleep(STORE_AGAIN)

    async def _taken(self, name: str, text: str) -> bool:
        try:
            await self.answers.take(text, (name,), self.clock.now())
        except StoreAway:
            return False
        return True
