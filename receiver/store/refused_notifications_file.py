"""Notifications that were pending when a process ended: a file in the data folder, read by the next start."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path

import orjson

from receiver.model.alert.sender import ANYBODY, Sender

NAME = "owed-notifications.txt"


class RefusedNotificationsFile:
    """One file with a line per notification body.

    A line has the time in Unix seconds, the body in base64, and optionally its sender. Blocking, and safe to use from
    any thread.
    """

    def __init__(self, folder: Path) -> None:
        """`folder`: the data folder."""
        self.path = folder / NAME

    def write(self, bodies: Sequence[tuple[bytes, Sender]], at: float) -> None:
        """Replace the content of the file with `bodies` and the time `at`, durably. Raises OSError."""
        part = self.path.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(
                b"%d %s%s\n" % (at, base64.b64encode(body), _sender_text(sender)) for body, sender in bodies
            )
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def read(self) -> list[tuple[float, bytes, Sender]]:
        """Return time, body and sender of each line, oldest first; a line that cannot be read is left out.

        Raises OSError.
        """
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        bodies = []
        for line in lines:
            try:
                at, body, *more = line.split(b" ")
                sender = _sender_of(more[0]) if more else ANYBODY
                bodies.append((float(at), base64.b64decode(body, validate=True), sender))
            except ValueError:
                continue
        return bodies

    def remove(self) -> None:
        """Remove the file, because its notifications are settled. Raises OSError."""
        self.path.unlink(missing_ok=True)


def _sender_text(sender: Sender) -> bytes:
    # An earlier release ignores a line with three parts, so the sender is written only if it is restricted.
    return b" " + base64.b64encode(orjson.dumps(list(sender))) if sender.restricted else b""


def _sender_of(text: bytes) -> Sender:
    """Return the sender of a line. Raises ValueError if it is invalid."""
    name, resolves = orjson.loads(base64.b64decode(text, validate=True))
    if not isinstance(name, str) or not isinstance(resolves, list):
        raise ValueError("no sender")
    return Sender(name, tuple(str(one) for one in resolves))
