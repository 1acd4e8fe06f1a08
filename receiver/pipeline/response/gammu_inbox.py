"""Messages received by gammu-smsd: read from its inbox, answered once, and removed."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import structlog

from receiver.channels.gammu import Gammu
from receiver.clock import Clock
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.response.sms_answers import SmsAnswers
from receiver.store.client.store_errors import StoreAway

NAME = "sms"
EVERY = 1.0
"""Seconds between two reads of an inbox."""
FILE = re.compile(r"IN[0-9]{8}_[0-9]{6}_[0-9]+_(\+[0-9]{3,15})_[0-9]+\.txt")
LARGEST = 4096

log = structlog.get_logger("receiver.answers")


class GammuInbox:
    """Reads the inbox of each modem on this machine."""

    def __init__(self, setting: Callable[[], ActiveConfig], answers: SmsAnswers, clock: Clock) -> None:
        """Nothing is read before `run`."""
        self.setting = setting
        self.answers = answers
        self.clock = clock

    async def run(self) -> None:
        """Read the inboxes until canceled."""
        while True:
            await self.read()
            await asyncio.sleep(EVERY)

    async def read(self) -> None:
        """Process the received messages. A message stays in the inbox while the store is unavailable."""
        for name, channel in self.setting().channels.items():
            if isinstance(channel, Gammu) and channel.settings.receives:
                try:
                    for file in await asyncio.to_thread(_arrived, channel.spool / "inbox"):
                        await self._take(name, channel, file)
                except OSError as error:
                    log.warning("inbox_read_failed", channel=name, error=error.strerror)
                except StoreAway as away:
                    log.info("inbox_read_postponed", channel=name, condition=away.condition)

    async def _take(self, name: str, channel: Gammu, file: Path) -> None:
        form = FILE.fullmatch(file.name)
        if form is None:
            await asyncio.to_thread(file.unlink, missing_ok=True)
            return
        content = await asyncio.to_thread(_read, file)
        # The file name contains the second, so the same text within that second is the same message.
        once = f"sms {name} {file.name} {hashlib.sha256(content).hexdigest()[:16]}"
        said = await self.answers.take(name, form[1], _text(content), once, self.clock.now())
        if said is not None:
            await channel.answer(form[1], said, once)
        await asyncio.to_thread(file.unlink, missing_ok=True)


def _arrived(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.name.startswith("IN") and file.is_file())


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(LARGEST)


def _text(content: bytes) -> str:
    if content.startswith(b"\xfe\xff"):
        return content[2:].decode("utf-16-be", "replace")
    return content.decode("utf-8", "replace")
