"""Deliveries that receiver gave up on: list, retry, drop."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

from receiver.channels.safe_text import clean
from receiver.incident.log.command_errors import ImpossibleCommand
from receiver.incident.name_lookup import find_name
from receiver.model.base import to_ms
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.delivery.orphaned_rows import why_undeliverable
from receiver.store.due.dead_letter_rows import RetryResult
from receiver.store.due.due_set import DueSet

Letter = dict[str, Any]


class NoSuchDeadLetter(Exception):
    """The dead letter does not exist, or no longer exists."""


class DeadLetter(Exception):
    """The dead letter cannot be retried at the moment."""


def dead_letter_id(member: str) -> str:
    """Return the id of a dead letter: short, and safe in a URL path."""
    return hashlib.sha256(member.encode("utf-8", "replace")).hexdigest()[:12]


class DeadLetters:
    """The dead letters of one namespace."""

    def __init__(self, setting: Callable[[], ActiveConfig], due: DueSet, off: Callable[[], dict[str, str]]) -> None:
        """`off` says which channels are off, and why."""
        self.setting = setting
        self.due = due
        self.off = off

    async def all(self) -> list[tuple[str, Letter]]:
        """Return every dead letter by its member, the newest first. Raises StoreAway."""
        letters = await self.due.letters.all()
        found = [
            (member, {**letter, "id": dead_letter_id(member), "row": member}) for member, letter in letters.items()
        ]
        return sorted(found, key=lambda pair: str(pair[1].get("at", "")), reverse=True)

    async def replay(self, wanted: str, now: datetime) -> Letter:
        """Retry the dead letter with that id and return it. Raises NoSuchDeadLetter, DeadLetter, StoreAway."""
        member, letter = await self._one(wanted)
        if (nowhere := self._nowhere(letter)) is not None:
            raise DeadLetter(f"{nowhere}: configure it, or drop this dead letter")
        done = await self.due.letters.replay(member, to_ms(now))
        if done is RetryResult.NOTHING_LEFT:
            raise DeadLetter(
                "its incident is no longer in the history: there is nothing left to send, drop this dead letter"
            )
        if done is RetryResult.NONE:
            raise NoSuchDeadLetter(f"someone has retried or dropped {letter['id']} in the meantime")
        return letter

    async def replay_all(self, channel: str | None, now: datetime) -> list[Letter]:
        """Retry all dead letters, or those of `channel`, and return those that are retried.

        Raises NoSuchDeadLetter for an unknown channel, DeadLetter for one that is off or removed, StoreAway.
        """
        letters = await self.all()
        if channel is not None:
            self._check(channel, letters)
        done = []
        for member, letter in letters:
            if channel not in (None, letter.get("channel")) or self._nowhere(letter) is not None:
                continue
            if await self.due.letters.replay(member, to_ms(now)) is RetryResult.AGAIN:
                done.append(letter)
        return done

    async def drop(self, wanted: str) -> Letter:
        """Drop the dead letter with that id and return it. Raises NoSuchDeadLetter, StoreAway."""
        member, letter = await self._one(wanted)
        if not await self.due.letters.forget(member):
            raise NoSuchDeadLetter(f"someone has retried or dropped {letter['id']} in the meantime")
        return letter

    async def _one(self, wanted: str) -> tuple[str, Letter]:
        for member, letter in await self.all():
            if wanted in (letter["id"], member):
                return member, letter
        raise NoSuchDeadLetter(f"there is no dead letter {clean(wanted, 100)} (see `receiver dead-letters list`)")

    def _nowhere(self, letter: Letter) -> str | None:
        # No replica serves the lane of a removed channel, so a delivery added there would fail again.
        return why_undeliverable(str(letter.get("channel")), self.setting().channels, self.off())

    def _check(self, channel: str, letters: list[tuple[str, Letter]]) -> None:
        told = [letter for _, letter in letters if letter.get("channel") == channel]
        names = {*self.setting().channels, *self.off()}
        if not told and channel not in names:
            try:
                find_name(channel, names, "channel")
            except ImpossibleCommand as impossible:
                raise NoSuchDeadLetter(str(impossible)) from None
        nowhere = self._nowhere({"channel": channel})
        if told and nowhere is not None:
            raise DeadLetter(f"{nowhere}: configure it, or drop its dead letters")
