"""Notifications that a process owed when it ended: a file in the data folder, read by the next start."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path

NAME = "owed-notifications.txt"


class RefusedNotificationsFile:
    """One file: for each notification body a line of the time, in Unix seconds, and base64.

    Blocking, and safe to use from any thread.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` is the data folder."""
        self.path = folder / NAME

    def write(self, bodies: Sequence[bytes], at: float) -> None:
        """Write `bodies` with the time `at`, durably, in place of what the file held. Raises OSError."""
        part = self.path.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(b"%d %s\n" % (at, base64.b64encode(body)) for body in bodies)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def read(self) -> list[tuple[float, bytes]]:
        """Return time and body of each line, oldest first; a line that cannot be read is left out. Raises OSError."""
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        bodies = []
        for line in lines:
            try:
                at, _, body = line.partition(b" ")
                bodies.append((float(at), base64.b64decode(body, validate=True)))
            except ValueError:
                continue
        return bodies

    def remove(self) -> None:
        """Remove the file: what it held is settled. Raises OSError."""
        self.path.unlink(missing_ok=True)
