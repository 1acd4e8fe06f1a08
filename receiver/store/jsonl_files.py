"""JSON Lines files outside the store: a folder with one file per month."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def append(folder: str, name: str, lines: Sequence[bytes]) -> None:
    """Append lines to a file that only its owner can read, and return once they are on disk. Raises OSError."""
    place = Path(folder)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(place / name, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        data = memoryview(b"".join(line + b"\n" for line in lines))
        # If a crash truncates a line, the next append ends it: only that line is lost, and the store still has it.
        end = os.fstat(descriptor).st_size
        if end and os.pread(descriptor, 1, end - 1) != b"\n":
            os.write(descriptor, b"\n")
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
