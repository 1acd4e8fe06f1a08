"""A program on a terminal, with key presses."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


class Terminal:
    """An interactive program on a separate terminal."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        """Start `command` in `folder`."""
        self.screen, other = pty.openpty()
        self.seen = b""

        def own() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            command, stdin=other, stdout=other, stderr=other, env=dict(env), cwd=folder, start_new_session=True,
            preexec_fn=own,  # noqa: PLW1509  (the child only takes its terminal)
        )  # fmt: skip
        os.close(other)

    def press(self, keys: str) -> None:
        """Type these keys."""
        os.write(self.screen, keys.encode())

    def shows(self, text: str, within: float = 90.0) -> bool:
        """Return whether the text comes up after what was seen before."""
        end = time.monotonic() + within
        while text.encode() not in self.seen:
            ready, _, _ = select.select([self.screen], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return False
            try:
                self.seen += os.read(self.screen, 4096)
            except OSError:
                return False
        self.seen = self.seen.partition(text.encode())[2]
        return True

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait(10)
        os.close(self.screen)
