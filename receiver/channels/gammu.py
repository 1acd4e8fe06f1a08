"""gammu-smsd (https://wammu.eu/docs/manual/smsd/): sends a page as an SMS by your own modem, through its folders."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from receiver.channels.base import Channel, ChannelSettings, DeliveryError
from receiver.channels.safe_text import HIDDEN
from receiver.channels.sms_text import NUMBER, sms_text
from receiver.model.delivery.notice import Action, Notice, Receipt


class GammuSettings(ChannelSettings):
    """The folders of gammu-smsd (`service = files`). Each person has a number (`people.*`)."""

    kind: Literal["gammu"] = "gammu"
    spool: str = Field(
        "", description="Folder with `outbox`, `inbox`, `sent` and `error`, as configured in gammu-smsd; empty: off."
    )
    receives: bool = Field(True, description="Whether replies are read from `inbox` and then deleted.")


class Gammu(Channel[GammuSettings]):
    """Sends one SMS per page. An acknowledgement or a resolve sends nothing, and removes an SMS in the queue."""

    kind: ClassVar[str] = "gammu"
    Settings: ClassVar[type[ChannelSettings]] = GammuSettings
    paging: ClassVar[bool] = True
    two_way: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    keyed: ClassVar[bool] = True

    def missing(self) -> str | None:
        """Return a reason if `spool` is empty, else None."""
        return None if self.settings.spool else "spool is empty"

    def address(self) -> str:
        """Return its name: a page always names its own number."""
        return self.name

    @property
    def spool(self) -> Path:
        """The folder of gammu-smsd."""
        return Path(self.settings.spool)

    def preview(self, notice: Notice) -> list[dict[str, Any]]:
        """Return the message that would be written, with its number hidden."""
        if notice.action is not Action.TRIGGER:
            return [{"removed": "the message, if it is still in the outbox"}]
        return [{"file": f"outbox/{file_name(notice, HIDDEN)}", "text": sms_text(notice)}]

    async def deliver(self, notice: Notice) -> Receipt:
        """Put the message into the outbox, once. The receipt means that it is queued, not that it was sent."""
        if not NUMBER.fullmatch(notice.address):
            who = notice.page.person if notice.page else "this contact"
            raise DeliveryError(
                "refused",
                f"the {self.name} number of {who} is not a telephone number (expected one such as +15550101)",
                permanent=True,
            )
        try:
            if notice.action is not Action.TRIGGER:
                return await asyncio.to_thread(self._take_back, notice)
            return await asyncio.to_thread(self._put, notice)
        except OSError as error:
            raise DeliveryError("connection", f"{self.name}: the spool cannot be used: {error.strerror}") from None

    async def answer(self, number: str, text: str, once: str) -> None:
        """Send `text` to `number`; the same `once` sends it once. Raises OSError."""
        mark = hashlib.sha256(once.encode()).hexdigest()[:32]
        await asyncio.to_thread(self._write, f"OUTB19700101_000000_00_{number}_{mark}.txt", mark, text)

    def _put(self, notice: Notice) -> Receipt:
        mark = mark_of(notice)
        if any((self.spool / "error").glob(f"OUT*_{mark}.*")):
            raise DeliveryError("refused", "gammu-smsd could not send it and moved it to its error folder")
        self._write(file_name(notice, notice.address), mark, sms_text(notice))
        return Receipt(ref=mark)

    def _write(self, name: str, mark: str, text: str) -> None:
        # A file with this name was already written, or sent, earlier.
        if any(any((self.spool / folder).glob(f"OUT*_{mark}.*")) for folder in ("outbox", "sent")):
            return
        content = text.encode("ascii") if text.isascii() else b"\xfe\xff" + text.encode("utf-16-be", "replace")
        fresh = self.spool / "outbox" / f".{mark}.new"
        fresh.write_bytes(content)
        fresh.replace(self.spool / "outbox" / name)

    def _take_back(self, notice: Notice) -> Receipt:
        for file in (self.spool / "outbox").glob(f"OUT*_{mark_of(notice)}.*"):
            file.unlink(missing_ok=True)
        return Receipt(ref=mark_of(notice))


def mark_of(notice: Notice) -> str:
    """Return the mark in the file name of a page: the same page has the same mark."""
    key = notice.page.key if notice.page else notice.key
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:32]


def file_name(notice: Notice, number: str) -> str:
    """Return the name of the file: gammu-smsd sends the most urgent first, and the oldest of those."""
    incident = notice.incident
    priority = "A" if incident is None or incident.severity.rank == 0 else "B" if incident.severity.rank == 1 else "C"
    return f"OUT{priority}{notice.now:%Y%m%d_%H%M%S}_00_{number}_{mark_of(notice)}.txt"
